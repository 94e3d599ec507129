import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { afterEach, test } from 'node:test';
import { groupStream, LOBBY, type ProducerId, type Seq } from '@cim/protocol';
import { until } from '@cim/testkit';
import { openEmbeddedForTest } from '../../test/embedded-folder.ts';
import { appendRange, appendTo, register } from '../../test/stored.ts';

/** The largest file that this process may write, in bytes: what a full disk does to it, at will. */
const limitFiles = (bytes: number | 'unlimited'): void => {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${String(bytes)}:`]);
};
afterEach(() => limitFiles('unlimited'));

const lobby = groupStream(LOBBY);
const big = Buffer.alloc(20_000, 'x');

test('a batch that fails fails all that waited for it; nothing of it counts, and the store goes on when it can write again', async (t) => {
  const { store } = await openEmbeddedForTest(t);
  const alice = await register(store, 'alice');
  assert.equal((await appendTo(store, lobby, alice, { counter: 1 })).outcome, 'ok');

  limitFiles(16_384);
  const first = appendRange(store, lobby, alice, 2, 5, { content: big });
  // These come while the batch of those is being written.
  const second = new Promise((resolve) => setImmediate(() => setImmediate(resolve))).then(() =>
    appendRange(store, lobby, alice, 6, 9),
  );
  const failing = await Promise.all([first, second]);
  for (const { outcome } of failing.flat()) assert.equal(outcome, 'retry');
  await assert.rejects(store.ping(), /^Error: the data folder \S+ cannot be written: .*File too large$/);
  await assert.rejects(store.accounts.register('bob' as never));

  limitFiles('unlimited');
  await until('the store writes again', () =>
    store.ping().then(
      () => true,
      () => false,
    ),
  );
  // What failed may have reached the disk all the same: that is what repeating is for.
  const again = await appendRange(store, lobby, alice, 2, 9);
  for (const { outcome } of again) assert.match(outcome, /^(ok|duplicate)$/);
  const entries = await store.streams.read(lobby, 1 as Seq, 100);
  assert.deepEqual(
    entries.map(({ seq, counter }) => [seq, counter]),
    Array.from({ length: 9 }, (_, i) => [i + 1, i + 1]),
  );
});

test('the store can be stopped and opened while it cannot write', async (t) => {
  const folder = await openEmbeddedForTest(t);
  const { store } = folder;
  const alice = await register(store, 'alice');
  limitFiles(16_384);
  assert.equal((await appendTo(store, lobby, alice, { counter: 1, content: big })).outcome, 'retry');
  await store.stop();
  assert.equal((await appendTo(store, lobby, alice, { counter: 1 })).outcome, 'retry');
  limitFiles('unlimited');
  const reopened = await folder.reopen();
  assert.equal((await reopened.accounts.byName('alice'))?.userId, alice.userId);
  const answer = await appendTo(reopened, lobby, alice, {
    counter: 1,
    producer: 'another-of-tests' as ProducerId,
  });
  assert.equal(answer.outcome, 'ok');
});

test('a callback that throws keeps nobody else waiting', async (t) => {
  const { store } = await openEmbeddedForTest(t);
  const alice = await register(store, 'alice');
  const answers: string[] = [];
  await new Promise<void>((resolve) => {
    for (const counter of [1, 2, 3])
      store.streams.append(
        {
          stream: lobby,
          sender: alice,
          producer: 'the-producer-of-tests' as ProducerId,
          digest: 'd'.repeat(22),
          counter,
          content: big,
        },
        ({ outcome }) => {
          answers.push(outcome);
          if (counter === 3) resolve();
          throw new Error('thrown by the test');
        },
      );
  });
  assert.deepEqual(answers, ['ok', 'ok', 'ok']);
});
