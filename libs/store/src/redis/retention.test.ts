import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { CIM_DEVICE, type GroupId, groupStream, inboxOf, messageId, type Seq } from '@cim/protocol';
import { RedisProcess, until } from '@cim/testkit';
import {
  append,
  appendOk,
  logIn,
  newName,
  newPair,
  newServer,
  newUser,
  readAll,
  Sends,
} from '../../test/contract-fixture.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import type { Store } from '../store.ts';
import { RETENTION, type StreamLimits } from '../streams.ts';
import { key, streamKeys } from './keys.ts';
import { withAccess } from './access.ts';
import { RedisLink } from './link.ts';
import { parseRedisUrl } from './url.ts';

describe('retention in Redis', () => {
  let redis: RedisProcess;
  before(async () => {
    redis = await RedisProcess.start();
  });
  after(() => redis[Symbol.asyncDispose]());

  /** Opens a store with smaller limits of retention. */
  const open = (t: TestContext, limits: Partial<StreamLimits>): Promise<Store> =>
    openRedisForTest(t, redis.url, { limits: { ...RETENTION, ...limits } });

  /** Sends until the oldest entry that is kept is `first` or later. Answers the next counter. */
  async function sendUntilFirst(store: Store, sends: Sends, from: number, first: number): Promise<number> {
    let counter = from;
    await until(`the first entry is ${first}`, async () => {
      await appendOk(store, sends.item(counter++));
      return (await store.streams.position(sends.stream)).first >= first;
    });
    return counter;
  }

  async function ack(
    store: Store,
    sends: Sends,
    user: Parameters<typeof logIn>[1],
    seq: number,
  ): Promise<void> {
    const epoch = await logIn(store, user, await newServer(store));
    const cursor = { seq: seq as Seq, id: messageId(sends.sender.userId, sends.producer, seq) };
    await store.streams.ack([{ user: user.userId, device: CIM_DEVICE, epoch, stream: sends.stream, cursor }]);
  }

  test('a group forgets entries for their age, and answers with the entries that are there', async (t) => {
    const store = await open(t, { keptMs: 200 });
    const group = groupStream(`aging-${newName()}` as GroupId);
    const sends = new Sends(group, await newUser(store));
    for (let counter = 1; counter <= 40; counter++) await appendOk(store, sends.item(counter));
    await sendUntilFirst(store, sends, 41, 41);
    const { first, top } = await store.streams.position(group);
    const seqs = (await readAll(store, group)).map((entry) => entry.seq as number);
    assert.deepEqual(
      seqs,
      Array.from({ length: top - first + 1 }, (_, i) => first + i),
    );
  });

  test('an inbox forgets acked entries for their age, and keeps unacked ones of the same age', async (t) => {
    const store = await open(t, { keptMs: 100 });
    const { sends, to, inbox } = await newPair(store);
    for (let counter = 1; counter <= 4; counter++) await appendOk(store, sends.item(counter));
    await ack(store, sends, to, 2);
    const counter = await sendUntilFirst(store, sends, 5, 3);
    const old = performance.now() + 150;
    await until('the others are as old', () => performance.now() > old);
    await appendOk(store, sends.item(counter));
    assert.equal((await store.streams.position(inbox)).first, 3);
  });

  test('an inbox forgets unacked entries after longer, and then is not full of them', async (t) => {
    const store = await open(t, { unackedMs: 200, maxEntries: 3 });
    const { sends, inbox } = await newPair(store);
    for (let counter = 1; counter <= 3; counter++) await appendOk(store, sends.item(counter));
    assert.deepEqual(await append(store, sends.item(4)), { outcome: 'full' });
    await until('there is room', async () => (await append(store, sends.item(4))).outcome === 'ok');
    // At least the oldest entry is gone. Entries stored a moment later may still be there.
    const seqs = (await readAll(store, inbox)).map((entry) => entry.seq as number);
    assert.deepEqual(seqs, [2, 3, 4].slice(-seqs.length));
    await until('there is room again', async () => (await append(store, sends.item(5))).outcome === 'ok');
  });

  test('acked and forgotten bytes make room', async (t) => {
    const store = await open(t, { inboxUnackedBytes: 100 });
    const { sends, to } = await newPair(store);
    const forty = Buffer.alloc(40);
    for (const counter of [1, 2]) await appendOk(store, sends.item(counter, forty));
    assert.deepEqual(await append(store, sends.item(3, forty)), { outcome: 'full' });
    await appendOk(store, sends.item(3, Buffer.alloc(20)));
    await ack(store, sends, to, 1);
    await appendOk(store, sends.item(4, forty));
    assert.deepEqual(await append(store, sends.item(5, Buffer.alloc(1))), { outcome: 'full' });
    await ack(store, sends, to, 4);
    await appendOk(store, sends.item(5, Buffer.alloc(100)));
  });

  test('forgotten producers are removed from Redis: at most two windows of them are there', async (t) => {
    const store = await open(t, { producerEntries: 10 });
    const group = groupStream(`many-${newName()}` as GroupId);
    const sender = await newUser(store);
    for (let i = 0; i < 100; i++) await appendOk(store, new Sends(group, sender).item(1));
    const { producers, olderProducers } = streamKeys(group);
    const sizes = await Promise.all([producers, olderProducers].map((hash) => redis.cli('HLEN', hash)));
    assert.ok(
      sizes.every((size) => Number(size) <= 10),
      String(sizes),
    );
  });

  test('a stream that an older version wrote goes on, and counts as having forgotten', async (t) => {
    const store = await open(t, {});
    const { sends, inbox } = await newPair(store);
    await appendOk(store, sends.item(1));
    const link = new RedisLink(withAccess(parseRedisUrl(redis.url), {}));
    t.after(() => link.stop());
    const { meta } = streamKeys(inbox);
    const stored = await link.ask((client) => client.getBuffer(meta));
    assert.ok(stored);
    assert.equal(stored.readDoubleBE(6 * 8), 0);
    // The time at which it last forgot producers.
    stored.writeDoubleBE(Date.now(), 6 * 8);
    await link.ask((client) => client.set(meta, stored));
    assert.deepEqual(await append(store, sends.item(1)), { outcome: 'duplicate', seq: 1 });
    assert.equal(await appendOk(store, sends.item(2)), 2);
    const unheardOf = new Sends(inbox, sends.sender);
    assert.deepEqual(await append(store, { ...unheardOf.item(1), again: true }), {
      outcome: 'unknown-producer',
    });
    assert.deepEqual(await store.streams.counters(sends.sender.userId, [unheardOf, sends]), [undefined, 2]);
    assert.equal(await appendOk(store, new Sends(inbox, sends.sender).item(1)), 3);
  });

  test('a counter of users that went back makes no two users one', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const before = [];
    for (let i = 0; i < 5; i++) before.push((await store.accounts.register(newName())).account);
    const [first] = before;
    assert.ok(first !== undefined);
    // Ids are the counter plus 1,000. So the next id is that of the first user again.
    await redis.cli('SET', key.nextUser, String(first.userId - 1_001));
    const after = await Promise.all(Array.from({ length: 5 }, () => store.accounts.register(newName())));
    const all = [...before, ...after.map(({ account }) => account)];
    assert.equal(new Set(all.map((account) => account.userId)).size, 10);
    for (const account of all) assert.deepEqual(await store.accounts.byId(account.userId), account);
  });

  test('a name whose account was lost can be registered again', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const name = newName();
    const { account: lost } = await store.accounts.register(name);
    await redis.cli('DEL', key.account(lost.userId));
    assert.equal(await store.accounts.byName(name), undefined);
    const answers = await Promise.all([store.accounts.register(name), store.accounts.register(name)]);
    assert.deepEqual(answers.map((answer) => answer.created).sort(), [false, true]);
    assert.deepEqual(answers[0].account, answers[1].account);
    assert.notEqual(answers[0].account.userId, lost.userId);
  });

  test('no key is made of a name, and all keys of one owner lie in one shard', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const name = newName();
    const { account } = await store.accounts.register(name);
    const instance = await newServer(store);
    const epoch = await logIn(store, account, instance);
    const inbox = inboxOf(account.userId);
    const sends = new Sends(inbox, account);
    await appendOk(store, sends.item(1));
    await appendOk(store, { ...sends.item(0), rememberMs: 60_000 });
    const id = messageId(account.userId, sends.producer, 1);
    await store.streams.ack([
      { user: account.userId, device: CIM_DEVICE, epoch, stream: inbox, cursor: { seq: 1 as Seq, id } },
    ]);
    const keys = (await redis.cli('--scan')).split('\n');
    assert.deepEqual(
      keys.filter((k) => k.toLowerCase().includes(name.toLowerCase())),
      [],
    );
    const own = keys.filter((k) =>
      new RegExp(`:(acct|sess|cur|log:inbox|meta:inbox|prod:inbox|key:inbox):${account.userId}(:|$)`).test(k),
    );
    assert.equal(own.length, 7, own.join(' '));
    assert.equal(new Set(own.map((k) => k.slice(0, 6))).size, 1);
  });
});
