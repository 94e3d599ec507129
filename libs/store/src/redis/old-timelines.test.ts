import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { CIM_DEVICE, inboxOf, messageId, type NamedUser, type Seq, type StreamRef } from '@cim/protocol';
import { RedisProcess } from '@cim/testkit';
import { appendOk, logIn, newPair, newServer, readAll, Sends } from '../../test/contract-fixture.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import type { Store } from '../store.ts';
import { RETENTION } from '../streams.ts';
import { Redis } from './ioredis.ts';
import { streamKeys } from './keys.ts';

/** Bytes of the numbers that the version before does not write. */
const NEW_BYTES = 6 * 8;

describe('a timeline that the version before wrote', () => {
  let redis: RedisProcess;
  let client: Redis;
  before(async () => {
    redis = await RedisProcess.start();
    client = new Redis(redis.port);
  });
  after(async () => {
    client.disconnect();
    await redis[Symbol.asyncDispose]();
  });

  const open = (t: TestContext): Promise<Store> => openRedisForTest(t, redis.url);

  /** Writes the meta of a stream as the version before does, after an ack or an append. */
  async function dropNumbers(stream: StreamRef): Promise<void> {
    const { meta } = streamKeys(stream);
    const stored = await client.getBuffer(meta);
    assert.ok(stored);
    await client.set(meta, stored.subarray(0, stored.length - NEW_BYTES));
  }

  /** Rewrites the entries from `from` on, and the meta, as the version before would have written them. */
  async function makeOld(stream: StreamRef, from = 1): Promise<void> {
    const { log } = streamKeys(stream);
    const rows = await client.xrange(log, '-', '+');
    await client.del(log);
    for (const [id, [, head = '', , content = '']] of rows) {
      const old = head.replace(/^(\d+ \d+ \d+ \d+)\S*/, '$1');
      await client.xadd(log, id, 'h', Number.parseInt(id, 10) < from ? head : old, 'd', content);
    }
    await dropNumbers(stream);
  }

  const ack = async (store: Store, user: NamedUser, sends: Sends, seq: number): Promise<void> => {
    const epoch = await logIn(store, user, await newServer(store));
    const id = messageId(sends.sender.userId, sends.producer, seq);
    const cursor = { seq: seq as Seq, id };
    await store.streams.ack([{ user: user.userId, device: CIM_DEVICE, epoch, stream: sends.stream, cursor }]);
  };

  test('is read, acked and goes on; its old entries do not count as unread', async (t) => {
    const store = await open(t);
    const { sends, to, inbox } = await newPair(store);
    for (const counter of [1, 2, 3]) await appendOk(store, sends.item(counter));
    await makeOld(inbox);
    await ack(store, to, sends, 2);
    const { shown, shownSeq, shownAt, top } = await store.streams.position(inbox);
    assert.deepEqual({ shown, shownSeq, shownAt, top }, { shown: 0, shownSeq: 0, shownAt: 0, top: 3 });
    assert.equal(await appendOk(store, sends.item(4)), 4);
    const entries = await readAll(store, inbox);
    assert.deepEqual(
      entries.map(({ seq, n, sender }) => [seq, n, sender.userName]),
      [0, 0, 0, 1].map((n, i) => [i + 1, n, sends.sender.userName]),
    );
    const position = await store.streams.position(inbox);
    assert.deepEqual([position.shown, position.shownSeq], [1, 4]);
    assert.equal(position.shownAt, entries[3]?.storedAt);
  });

  test('loses its numbers during a rolling upgrade; they are found again, and its new entries count', async (t) => {
    const store = await open(t);
    const { sends, to, inbox } = await newPair(store);
    const back = new Sends(inboxOf(sends.sender.userId), to);
    const about = messageId(to.userId, back.producer, 1);
    for (const counter of [1, 2]) await appendOk(store, sends.item(counter));
    await appendOk(store, back.item(1));
    await appendOk(store, { ...sends.item(3), silent: true, about });
    await appendOk(store, sends.item(4));
    await makeOld(inbox, 5);
    await appendOk(store, sends.item(5));
    const ns = (await readAll(store, inbox)).map(({ n }) => n);
    assert.deepEqual(ns, [1, 2, 2, 2, 0, 4]);
    assert.equal((await store.streams.position(inbox)).shown, 4);
    assert.deepEqual(await store.streams.events(inbox, 1 as Seq), [{ seq: 4, about }]);
  });

  test('events that were indexed before are trimmed with the log', async (t) => {
    const store = await openRedisForTest(t, redis.url, { limits: { ...RETENTION, maxEntries: 4 } });
    const { sends, to, inbox } = await newPair(store);
    const about = messageId(sends.sender.userId, sends.producer, 1);
    await appendOk(store, sends.item(1));
    await appendOk(store, { ...sends.item(2), about });
    await dropNumbers(inbox);
    await ack(store, to, sends, 2);
    for (const counter of [3, 4, 5, 6]) await appendOk(store, { ...sends.item(counter), about });
    assert.equal((await store.streams.position(inbox)).first, 3);
    const seqs = (await store.streams.events(inbox, 1 as Seq)).map(({ seq }) => seq as number);
    assert.deepEqual(seqs, [3, 4, 5, 6]);
  });
});
