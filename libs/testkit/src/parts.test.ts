import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Parts, upOrDown } from './parts.ts';

const part = (name: string, down: string[]): AsyncDisposable => ({
  [Symbol.asyncDispose]: () => {
    down.push(name);
    return Promise.resolve();
  },
});

test('what comes up in part is taken down, the last one first, and what comes up later too', async () => {
  const down: string[] = [];
  let late: Promise<unknown> | undefined;
  await assert.rejects(
    Parts.start(async (parts) => {
      await parts.add(() => part('first', down));
      parts.onDown(() => down.push('second'));
      const slow = sleep(20).then(() => part('late', down));
      late = parts.add(() => slow).catch(String);
      await parts.addAll([
        () => Promise.resolve(part('third', down)),
        () => Promise.reject(new Error('no port')),
      ]);
    }),
    /no port/,
  );
  assert.deepEqual(down, ['third', 'second', 'first']);
  assert.match(String(await late), /taken down while it was starting/);
  assert.deepEqual(down, ['third', 'second', 'first', 'late']);
});

test('what comes up whole stays until it is taken down, once', async () => {
  const down: string[] = [];
  const parts = await Parts.start(async (those) => {
    await those.add(() => part('first', down));
    return those;
  });
  assert.deepEqual(down, []);
  await parts[Symbol.asyncDispose]();
  await parts[Symbol.asyncDispose]();
  assert.deepEqual(down, ['first']);
});

test('one that does not come up is taken down', async () => {
  const down: string[] = [];
  await assert.rejects(upOrDown(part('it', down), Promise.reject(new Error('too slow'))), /too slow/);
  assert.deepEqual(down, ['it']);
  const up = part('other', down);
  assert.equal(await upOrDown(up, Promise.resolve()), up);
  assert.deepEqual(down, ['it']);
});

test('one that cannot be taken down keeps no other from it, and hides no reason', async () => {
  const down: string[] = [];
  const stuck: AsyncDisposable = { [Symbol.asyncDispose]: () => Promise.reject(new Error('stuck')) };
  await assert.rejects(
    Parts.start(async (parts) => {
      await parts.add(() => part('first', down));
      await parts.add(() => stuck);
      throw new Error('no port');
    }),
    /no port/,
  );
  assert.deepEqual(down, ['first']);
  const parts = new Parts();
  await parts.add(() => stuck);
  await assert.rejects(parts[Symbol.asyncDispose](), /stuck/);
  await assert.rejects(
    parts.add(() => part('second', down)),
    /has been taken down/,
  );
  assert.deepEqual(down, ['first']);
});
