import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairQueue } from './fair-queue.ts';

/** A queue with work that ends when the test says so. */
function queue(atOnce: number, most: number, mostOfAddress: number) {
  const fair = new FairQueue(atOnce, most, mostOfAddress);
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const ask = (address: string | undefined, name: string): Promise<'done' | 'refused'> =>
    fair
      .run(address, () => {
        begun.push(name);
        return new Promise<void>((resolve) => ends.push(resolve));
      })
      .then((answer) => (answer === undefined ? 'refused' : 'done'));
  const end = async (): Promise<void> => {
    ends.shift()?.();
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { ask, end, begun };
}

test('addresses are served in rotation, however much one of them has asked for before', async () => {
  const { ask, end, begun } = queue(1, 100, 50);
  for (let i = 0; i < 20; i++) void ask('attacker', `a${i}`);
  void ask('victim', 'v0');
  void ask('victim', 'v1');
  void ask('other', 'o0');
  for (let i = 0; i < 7; i++) await end();
  assert.deepEqual(begun, ['a0', 'a1', 'v0', 'o0', 'a2', 'v1', 'a3', 'a4']);
});

test('the waiting work of one address is bounded, that of others still waits, and the total is bounded', async () => {
  const { ask, end, begun } = queue(1, 5, 3);
  const asked = [ask('a', 'a0'), ask('a', 'a1'), ask('a', 'a2'), ask('a', 'a3'), ask('a', 'a4')];
  assert.equal(await asked[4], 'refused');
  void ask('b', 'b0');
  void ask(undefined, 'u0');
  assert.equal(await ask('c', 'c0'), 'refused');
  for (let i = 0; i < 6; i++) await end();
  assert.deepEqual(begun, ['a0', 'a1', 'b0', 'u0', 'a2', 'a3']);
  assert.equal(await asked[0], 'done');
  // All work is done: a place is free again.
  void ask('c', 'c1');
  assert.equal(begun.at(-1), 'c1');
});

test('work that fails gives its place to the next', async () => {
  const fair = new FairQueue(1, 5, 5);
  await assert.rejects(
    fair.run('a', () => Promise.reject(new Error('no'))),
    /no/,
  );
  assert.deepEqual(await fair.run('a', () => Promise.resolve(7)), { done: 7 });
});
