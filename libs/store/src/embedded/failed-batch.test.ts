import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, type TestContext, test } from 'node:test';
import { groupStream, inboxOf, LOBBY, type ProducerId, type Seq, type StreamRef } from '@cim/protocol';
import { until } from '@cim/testkit';
import { ClassicLevel } from 'classic-level';
import { openEmbeddedForTest } from '../../test/embedded-folder.ts';
import { appendRange, appendTo, register } from '../../test/stored.ts';
import { messageIdOf } from '../streams.ts';

/** Sets the largest file that this process may write [bytes], to act like a full disk. */
const limitFiles = (bytes: number | 'unlimited'): void => {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${String(bytes)}:`]);
};
afterEach(() => limitFiles('unlimited'));

const lobby = groupStream(LOBBY);
const big = Buffer.alloc(20_000, 'x');

test('a failed batch fails every waiting call and changes nothing, and the store goes on when it can write again', async (t) => {
  const errors: string[] = [];
  const { store } = await openEmbeddedForTest(t, {
    observer: { storeFailed: (kind) => errors.push(kind) },
  });
  const alice = await register(store, 'alice');
  assert.equal((await appendTo(store, lobby, alice, { counter: 1 })).outcome, 'ok');

  limitFiles(16_384);
  const first = appendRange(store, lobby, alice, 2, 5, { content: big });
  // These appends come while the first batch is being written.
  const second = new Promise((resolve) => setImmediate(() => setImmediate(resolve))).then(() =>
    appendRange(store, lobby, alice, 6, 9),
  );
  const failing = await Promise.all([first, second]);
  for (const { outcome } of failing.flat()) assert.equal(outcome, 'retry');
  await assert.rejects(store.ping(), /^Error: the data folder \S+ cannot be written: .*File too large$/);
  await assert.rejects(store.accounts.register('bob' as never));
  assert.equal(store.state().problem, 'refusing');
  assert.ok(errors.length > 0 && errors.every((kind) => kind === 'refusing'), errors.join());

  limitFiles('unlimited');
  await until('the store writes again', () =>
    store.ping().then(
      () => true,
      () => false,
    ),
  );
  assert.equal(store.state().problem, undefined);
  // The failed appends may be on disk all the same. Repeating them shows it.
  const again = await appendRange(store, lobby, alice, 2, 9);
  for (const { outcome } of again) assert.match(outcome, /^(ok|duplicate)$/);
  const entries = await store.streams.read(lobby, 1 as Seq, 100);
  assert.deepEqual(
    entries.map(({ seq, counter }) => [seq, counter]),
    Array.from({ length: 9 }, (_, i) => [i + 1, i + 1]),
  );
});

/** Makes each batch fail after it was written to the disk. */
async function failAfterWriting(t: TestContext) {
  const other = new ClassicLevel(await mkdtemp(join(tmpdir(), 'cim-level-')));
  await other.open();
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf(other.batch())) as {
    write: (options: object) => Promise<void>;
  };
  await other.close();
  await rm(other.location, { recursive: true });
  const original = prototype.write;
  return t.mock.method(prototype, 'write', async function (this: unknown, options: object) {
    await original.call(this, options);
    throw new Error('failed after the write');
  });
}

test('a send without a key that is on disk although its batch failed is found when it is repeated', async (t) => {
  let steppedBackMs = 0;
  const { store } = await openEmbeddedForTest(t, { now: () => Date.now() - steppedBackMs });
  const alice = await register(store, 'alice');
  const own = (n: number) => ({
    counter: 0,
    producer: `a-name-of-its-own-${String(n)}` as ProducerId,
  });
  assert.equal((await appendTo(store, lobby, alice, own(1))).outcome, 'ok');

  const write = await failAfterWriting(t);
  const failing = await Promise.all([2, 3].map((n) => appendTo(store, lobby, alice, own(n))));
  for (const { outcome } of failing) assert.equal(outcome, 'retry');
  write.mock.restore();
  await until('the store writes again', () =>
    store.ping().then(
      () => true,
      () => false,
    ),
  );

  steppedBackMs = 60_000;
  assert.equal((await appendTo(store, lobby, alice, own(4))).outcome, 'ok');
  const again = await Promise.all([3, 2].map((n) => appendTo(store, lobby, alice, own(n))));
  assert.deepEqual(again, [
    { outcome: 'duplicate', seq: 3 },
    { outcome: 'duplicate', seq: 2 },
  ]);
  const entries = await store.streams.read(lobby, 1 as Seq, 100);
  assert.deepEqual(
    entries.map(({ producer }) => producer),
    [1, 2, 3, 4].map((n) => own(n).producer),
  );
});

test('a private message whose batch failed is on both sides or on neither, and on both once after its repetition', async (t) => {
  const { store } = await openEmbeddedForTest(t);
  const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')];
  const [sent, inbox] = [inboxOf(alice.userId), inboxOf(bob.userId)];
  const sends = [
    { counter: 1 },
    { counter: 0, producer: 'a-name-of-its-own' as ProducerId },
    { counter: 0, producer: 'a-key-of-the-tests' as ProducerId, rememberMs: 60_000 },
  ];
  const sendAll = async (): Promise<string[]> =>
    (await Promise.all(sends.map((item) => appendTo(store, inbox, alice, item)))).map(
      ({ outcome }) => outcome,
    );
  const ids = async (stream: StreamRef): Promise<string[]> =>
    (await store.streams.read(stream, 1 as Seq, 100)).map(messageIdOf);

  limitFiles(16_384);
  const lost = { counter: 1, producer: 'a-producer-of-tests' as ProducerId, content: big };
  assert.equal((await appendTo(store, inbox, alice, lost)).outcome, 'retry');
  limitFiles('unlimited');
  await until('the store writes again', () =>
    store.ping().then(
      () => true,
      () => false,
    ),
  );
  assert.deepEqual([await ids(sent), await ids(inbox)], [[], []]);

  const write = await failAfterWriting(t);
  assert.deepEqual(await sendAll(), ['retry', 'retry', 'retry']);
  write.mock.restore();
  await until('the store writes again', async () => (await ids(inbox).catch(() => [])).length > 0);
  assert.deepEqual(await sendAll(), ['duplicate', 'duplicate', 'duplicate']);
  const received = await ids(inbox);
  assert.equal(new Set(received).size, 3);
  assert.deepEqual(await ids(sent), received);
});

test('a send without a key that is not on disk is stored when it is repeated', async (t) => {
  const { store } = await openEmbeddedForTest(t);
  const alice = await register(store, 'alice');
  const own = { counter: 0, producer: 'a-name-of-its-own' as ProducerId, content: big };
  limitFiles(16_384);
  assert.equal((await appendTo(store, lobby, alice, own)).outcome, 'retry');
  limitFiles('unlimited');
  await until('it is stored', async () => (await appendTo(store, lobby, alice, own)).outcome === 'ok');
  const entries = await store.streams.read(lobby, 1 as Seq, 100);
  assert.deepEqual(
    entries.map(({ producer }) => producer),
    [own.producer],
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

test('a callback that throws does not hold up the others', async (t) => {
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
