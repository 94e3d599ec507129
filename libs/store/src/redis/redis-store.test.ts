import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Seq } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { RedisProcess } from '@cim/testkit';
import { append, appendOk, newPair, type OpenStore } from '../../test/contract-fixture.ts';
import { feedEnds, readFeed } from '../../test/feed.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import type { Store } from '../store.ts';
import { storeContract } from '../store.contract.ts';
import { key as redisKey, streamShard } from './keys.ts';
import { openRedisStore } from './redis-store.ts';

let redis: RedisProcess;
before(async () => {
  redis = await RedisProcess.start();
});
after(() => redis[Symbol.asyncDispose]());

const openRedis: OpenStore = async (times = {}) => {
  const opened: Store[] = [];
  const open = async (): Promise<Store> => {
    const store = await openRedisStore({
      url: redis.url,
      durability: 'disk',
      logger: silentLogger(),
      ...times,
    });
    opened.push(store);
    return store;
  };
  return {
    store: await open(),
    reopen: open,
    close: async () => {
      await Promise.all(opened.map((store) => store.stop()));
    },
  };
};
storeContract('Redis', openRedis);

test('appends to many inboxes that meet travel together, in order, whatever their length', async (t) => {
  const store = await openRedisForTest(t, redis.url);
  const pairs = await Promise.all(Array.from({ length: 50 }, () => newPair(store)));
  const calls = async (): Promise<number> =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.cli('INFO', 'commandstats'))?.[1] ?? 0);
  const before = await calls();
  const length = (counter: number): number => (counter % 10 === 0 ? 32 * 1024 : counter);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => i + 1).flatMap((counter) =>
      pairs.map(({ sends }) => append(store, sends.item(counter, Buffer.alloc(length(counter), 'x')))),
    ),
  );
  assert.deepEqual(
    answers.filter(({ outcome }) => outcome !== 'ok'),
    [],
  );
  // 1,000 appends, at most 256 a call, and 3 MiB of content, at most 1 MiB a call.
  const made = (await calls()) - before;
  assert.ok(made <= 14, `${made} calls`);
  for (const { inbox } of pairs) {
    const entries = await store.streams.read(inbox, 1 as Seq, 30);
    assert.deepEqual(
      entries.map(({ content }) => content.length),
      Array.from({ length: entries.length }, (_, i) => length(i + 1)),
    );
    assert.ok(entries.length >= 10);
  }
});

test('a stopping store first answers appends that it looks up in a log', async (t) => {
  const store = await openRedisForTest(t, redis.url);
  const { sends } = await newPair(store);
  for (const counter of [1, 2, 3]) await append(store, sends.item(counter));
  const answers = [1, 2].map((counter) => append(store, sends.item(counter)));
  await store.stop();
  assert.deepEqual(await Promise.all(answers), [
    { outcome: 'duplicate', seq: 1 },
    { outcome: 'duplicate', seq: 2 },
  ]);
});

test('a relay is told when the feed has lost what it has read: new records would have the same positions', async (t) => {
  const store = await openRedisForTest(t, redis.url);
  await store.feed.record({ revision: Date.now(), kinds: ['messages'] });
  const { sends } = await newPair(store);
  const ends = await feedEnds(store.feed);
  for (const n of [1, 2]) await appendOk(store, sends.item(n));
  const [first, second] = await readFeed(store.feed, ends);
  const partition = store.feed.partitions.find(
    (one) => redisKey.feed(one) === redisKey.feed(streamShard(sends.stream)),
  );
  assert.ok(first !== undefined && second !== undefined && partition !== undefined);
  const [relay, cursors] = ['relay-of-this-test', new Map([['hook', second.position]])];
  await store.feed.take([partition], relay, 60_000);
  assert.equal(await store.feed.commit(partition, relay, { cursors, check: second }), true);
  // As a master that was promoted without it.
  await redis.cli('XDEL', redisKey.feed(partition), `1-${second.position - 1}`);
  assert.equal(await store.feed.commit(partition, relay, { cursors, check: second }), false);
  assert.equal(await store.feed.commit(partition, relay, { cursors, check: first }), true);
  const other = { ...first, entry: { ...first.entry, seq: 7 as Seq } };
  assert.equal(await store.feed.commit(partition, relay, { cursors, check: other }), false);
  const later = { ...first, entry: { ...first.entry, storedAt: first.entry.storedAt + 1 } };
  assert.equal(await store.feed.commit(partition, relay, { cursors, check: later }), false);
  // What was trimmed proves nothing.
  await appendOk(store, sends.item(3));
  assert.equal(
    await store.feed.commit(partition, relay, { cursors, check: first, trimTo: first.position }),
    true,
  );
  assert.equal(await store.feed.commit(partition, relay, { cursors, check: first }), true);
});
