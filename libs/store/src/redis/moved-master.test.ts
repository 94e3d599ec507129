import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, test, type TestContext } from 'node:test';
import { PROMPT, RedisProcess, RedisSentinel, until } from '@cim/testkit';
import { append, newPair, type Sends } from '../../test/contract-fixture.ts';
import { Endpoint } from '../../test/endpoint.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import type { Store } from '../store.ts';
import type { AppendAnswer } from '../streams.ts';
import type { Durability } from './durability.ts';

/** Longest time for servers to connect to the server that holds the data now [ms]. */
const RECONNECT_MS = 5_000;
/** So rare that no check of the store itself helps. */
const NEVER_MS = 3_600_000;

interface Pair {
  readonly old: RedisProcess;
  readonly next: RedisProcess;
  readonly endpoint: Endpoint;
}

const inStep = (master: RedisProcess): Promise<void> =>
  until('the replica is online', async () => /state=online/.test(await master.cli('INFO', 'replication')));

/** Starts a master with a replica, and an address that leads to the master. */
async function startPair(t: TestContext): Promise<Pair> {
  const old = await RedisProcess.start(PROMPT);
  t.after(() => old[Symbol.asyncDispose]());
  const next = await RedisProcess.start([...PROMPT, '--replicaof', `127.0.0.1 ${old.port}`]);
  t.after(() => next[Symbol.asyncDispose]());
  await inStep(old);
  const endpoint = await Endpoint.start(old.port);
  t.after(() => endpoint[Symbol.asyncDispose]());
  return { old, next, endpoint };
}

/** Makes the servers change roles. The old master stays up, and the address does not change yet. */
async function changePlaces({ old, next }: Pair): Promise<void> {
  const offset = async (redis: RedisProcess, name: string): Promise<number> =>
    Number(new RegExp(`\\b${name}:(\\d+)`).exec(await redis.cli('INFO', 'replication'))?.[1]);
  // Only `quorum` waits for the replica. Otherwise data that it has not copied would be lost.
  const written = await offset(old, 'master_repl_offset');
  await until('the replica has all', async () => (await offset(next, 'slave_repl_offset')) >= written);
  await next.cli('REPLICAOF', 'NO', 'ONE');
  await old.cli('REPLICAOF', '127.0.0.1', String(next.port));
}

/** Repeats one append until it is stored, as a client does. */
async function untilStored(
  store: Store,
  sends: Sends,
  counter: number,
  withinMs = RECONNECT_MS,
): Promise<void> {
  let last: AppendAnswer | undefined;
  try {
    await until(
      `append ${counter} is stored`,
      async () => {
        last = await append(store, sends.item(counter));
        return last.outcome === 'ok' || last.outcome === 'duplicate';
      },
      withinMs,
    );
  } catch (error) {
    throw new Error(`the last answer was ${inspect(last)}`, { cause: error });
  }
}

describe('an address that leads to another server, while the old master stays up as a replica', () => {
  for (const durability of ['disk', 'fast', 'quorum'] as const satisfies readonly Durability[])
    test(`${durability}: appends that fail inside the script make the store connect anew within 5 s`, async (t) => {
      const pair = await startPair(t);
      const store = await openRedisForTest(t, pair.endpoint.url, { durability, checkMs: NEVER_MS });
      const { sends } = await newPair(store);
      await untilStored(store, sends, 1);
      await changePlaces(pair);
      pair.endpoint.pointTo(pair.next.port);
      if (durability === 'quorum') await inStep(pair.next);
      await untilStored(store, sends, 2);
      assert.match(await pair.next.cli('ROLE'), /^master/);
    });

  test('logins, whose scripts fail as a whole, are carried out on the next connection', async (t) => {
    const pair = await startPair(t);
    const store = await openRedisForTest(t, pair.endpoint.url, { checkMs: NEVER_MS });
    await changePlaces(pair);
    pair.endpoint.pointTo(pair.next.port);
    await store.sessions.openLease('an-instance-here' as never);
    assert.match(await pair.next.cli('--scan'), /lease:an-instance-here/);
  });

  for (const durability of ['disk', 'quorum'] as const)
    test(`${durability}: a store that nobody uses leaves the old master within 5 s, with all its connections`, async (t) => {
      const pair = await startPair(t);
      const store = await openRedisForTest(t, pair.endpoint.url, { durability });
      await changePlaces(pair);
      pair.endpoint.pointTo(pair.next.port);
      await until(
        'the old master has no clients but the one that asks',
        async () => (await pair.old.cli('CLIENT', 'LIST', 'TYPE', 'normal')).trim().split('\n').length === 1,
        RECONNECT_MS,
      );
      await until('it is ready', () =>
        store.ping().then(
          () => true,
          () => false,
        ),
      );
    });

  test('an address that is changed late: not ready meanwhile, and few connections are made', async (t) => {
    const pair = await startPair(t);
    const store = await openRedisForTest(t, pair.endpoint.url, { checkMs: 200 });
    const { sends } = await newPair(store);
    const before = pair.endpoint.accepted;
    await changePlaces(pair);
    await until('it says why it is not ready', () =>
      store.ping().then(
        () => false,
        (error: unknown) => String(error).includes('READONLY'),
      ),
    );
    const outcomes: string[] = [];
    const from = performance.now();
    while (performance.now() - from < 2_000) outcomes.push((await append(store, sends.item(1))).outcome);
    assert.deepEqual([...new Set(outcomes)], ['retry']);
    const made = pair.endpoint.accepted - before;
    assert.ok(made >= 2 && made <= 20, `${made} connections`);
    pair.endpoint.pointTo(pair.next.port);
    await untilStored(store, sends, 1);
  });

  test('a server that still reads its data is left for the server that the address now leads to', async (t) => {
    const pair = await startPair(t);
    const { old, next, endpoint } = pair;
    await old.cli('EVAL', "for i = 1, 20000 do redis.call('SET', 'k' .. i, i) end", '0');
    await until('the replica has all', async () => /keys=2\d{4}/.test(await next.cli('INFO', 'keyspace')));
    const store = await openRedisForTest(t, endpoint.url);
    const { sends } = await newPair(store);
    await old.kill();
    await next.cli('REPLICAOF', 'NO', 'ONE');
    const starting = old.start([
      '--key-load-delay',
      '1000',
      '--loading-process-events-interval-bytes',
      '1024',
    ]);
    starting.catch(() => undefined);
    await until('it says why it is not ready', () =>
      store.ping().then(
        () => false,
        (error: unknown) => String(error).includes('LOADING'),
      ),
    );
    endpoint.pointTo(next.port);
    await untilStored(store, sends, 1);
    assert.match(await old.cli('PING').catch(String), /LOADING/, 'the old one still reads');
    await old.kill();
    await starting.catch(() => undefined);
  });
});

test('Sentinel: a master that is made a replica by hand and stays up is left within 5 s', async (t) => {
  const redis = await RedisSentinel.start();
  t.after(() => redis[Symbol.asyncDispose]());
  const stores = await Promise.all(
    (['fast', 'quorum'] as const).map((durability) =>
      openRedisForTest(t, redis.url, { durability, checkMs: NEVER_MS }),
    ),
  );
  const sends = await Promise.all(stores.map(async (store) => (await newPair(store)).sends));
  const old = await redis.master();
  await redis.failOver();
  await until('another is the master', async () => (await redis.master())?.port !== old?.port);
  await until('the old one is its replica', async () => /^slave/.test((await old?.cli('ROLE')) ?? ''));
  const successor = await redis.master();
  if (successor !== undefined)
    await until('it is followed', async () =>
      /state=online/.test(await successor.cli('INFO', 'replication')),
    );
  for (const [i, store] of stores.entries()) {
    const of = sends[i];
    if (of !== undefined) await untilStored(store, of, 1);
  }
});

test('Cluster: a master that is made a replica by hand and stays up is left within 5 s', async (t) => {
  const nodes = await RedisProcess.startCluster(1);
  t.after(() => Promise.all(nodes.map((node) => node[Symbol.asyncDispose]())));
  const url = `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  const stores = await Promise.all(
    (['fast', 'quorum'] as const).map((durability) =>
      openRedisForTest(t, url, { durability, checkMs: NEVER_MS }),
    ),
  );
  const pairs = await Promise.all(
    stores.map((store) => Promise.all(Array.from({ length: 8 }, () => newPair(store)))),
  );
  for (const replica of nodes.slice(3))
    await until('it is a master with a replica', async () => {
      const info = await replica.cli('INFO', 'replication');
      // A second try, since the other masters may not have agreed.
      if (/role:slave/.test(info)) await replica.cli('CLUSTER', 'FAILOVER');
      return /role:master/.test(info) && /state=online/.test(info);
    });
  const begun = performance.now();
  for (const [i, store] of stores.entries())
    await Promise.all((pairs[i] ?? []).map(({ sends }) => untilStored(store, sends, 1)));
  t.diagnostic(`${Math.round(performance.now() - begun)} ms`);
});
