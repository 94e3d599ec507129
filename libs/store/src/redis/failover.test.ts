import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { silentLogger } from '@cim/runtime';
import { RedisProcess, RedisSentinel, until } from '@cim/testkit';
import { append, newPair } from '../../test/contract-fixture.ts';
import { Load } from '../../test/load.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import { streamLimits } from '../streams.ts';
import { openRedisStore } from './redis-store.ts';

const SENDERS = 24;
/** Senders that are served all the while may send more than one of them may have wait. */
const limits = streamLimits(Number.POSITIVE_INFINITY);

async function startSentinel(t: TestContext): Promise<RedisSentinel> {
  const redis = await RedisSentinel.start();
  t.after(() => redis[Symbol.asyncDispose]());
  return redis;
}

async function startCluster(t: TestContext): Promise<{ nodes: readonly RedisProcess[]; url: string }> {
  const nodes = await RedisProcess.startCluster(1);
  t.after(() => Promise.all(nodes.map((node) => node[Symbol.asyncDispose]())));
  return { nodes, url: `redis+cluster://${nodes.map((node) => `127.0.0.1:${node.port}`).join(',')}` };
}

/** Stores under load, runs `breaking`, stores more, and checks that everything answered as stored is there. */
async function outlives(
  load: Load,
  breaking: () => Promise<void>,
): Promise<{ readonly awayMs: number; readonly promised: number }> {
  const more = async (what: string): Promise<void> => {
    const before = load.each;
    await until(what, () => load.each.every((promised, i) => promised > (before[i] ?? 0) + 10), 20_000);
  };
  await more('everybody is promised something');
  const started = performance.now();
  await breaking();
  await more('everybody is promised something again');
  const awayMs = performance.now() - started;
  await load.stop();
  await load.check();
  return { awayMs, promised: load.promised };
}

describe('Sentinel', () => {
  test('quorum: the master killed under load, all that was promised is on the replica that takes over', async (t) => {
    const redis = await startSentinel(t);
    const store = await openRedisForTest(t, redis.url, { durability: 'quorum', limits });
    let successions = 0;
    store.onSuccession(() => successions++);
    const load = await Load.start(t, store, SENDERS);
    const master = await redis.master();
    const { awayMs, promised } = await outlives(load, async () => master?.kill());
    assert.ok(load.retries > 0);
    await until('all Sentinels name another', async () => (await redis.master())?.port !== master?.port);
    await until('it is said', () => successions > 0);
    t.diagnostic(`${promised} promised, ${Math.round(awayMs)} ms until everybody was served again`);
  });

  test('quorum: an old master that comes back by itself, and finds a replica, is promised nothing', async (t) => {
    const redis = await startSentinel(t);
    const store = await openRedisForTest(t, redis.url, { durability: 'quorum', limits });
    const load = await Load.start(t, store, SENDERS);
    const old = await redis.master();
    assert.ok(old);
    const state = (server: RedisProcess) => server.cli('INFO', 'replication').catch(() => '');
    const followed = async (server: RedisProcess): Promise<number> =>
      (await state(server)).match(/state=online/g)?.length ?? 0;
    const replicas = redis.servers.filter((server) => server !== old);
    let successor: RedisProcess | undefined;
    await outlives(load, async () => {
      await old.kill();
      await until('another takes over', async () => {
        const states = await Promise.all(replicas.map(state));
        successor = replicas[states.findIndex((one) => one.includes('role:master'))];
        return successor !== undefined;
      });
      const other = replicas.find((server) => server !== successor);
      // Makes the server that has not been told yet follow the old master while this lasts.
      await other?.cli('REPLICAOF', '127.0.0.1', String(old.port));
      await old.start();
      await until('the old one is followed, or has been told', async () => {
        return (await followed(old)) === 1 || (await state(old)).includes('role:slave');
      });
      await until(
        'both copy the new one',
        async () => successor !== undefined && (await followed(successor)) === 2,
        60_000,
      );
    });
  });

  test('disk is refused there; fast goes on with the replica that takes over, and says so', async (t) => {
    const redis = await startSentinel(t);
    await assert.rejects(
      openRedisStore({ url: redis.url, durability: 'disk', logger: silentLogger() }),
      /disk cannot be kept where a replica can be promoted \(Sentinel\)[^\n]*use quorum/,
    );
    const store = await openRedisForTest(t, redis.url, { durability: 'fast' });
    let successions = 0;
    store.onSuccession(() => successions++);
    const { sends } = await newPair(store);
    const master = await redis.master();
    await master?.kill();
    // The replica may have any part of what was stored.
    await until('the replica serves', async () => (await append(store, sends.item(1))).outcome !== 'retry');
    await until('it is said', () => successions > 0);
    assert.equal(successions, 1);
  });
});

describe('a Cluster with replicas', () => {
  test('quorum: a master killed under load, all that was promised is on the replica that takes over', async (t) => {
    const { nodes, url } = await startCluster(t);
    const store = await openRedisForTest(t, url, { durability: 'quorum', limits });
    let successions = 0;
    store.onSuccession(() => successions++);
    const load = await Load.start(t, store, SENDERS);
    const { awayMs, promised } = await outlives(load, async () => {
      const before = load.each;
      await nodes[0]?.kill();
      await until('the others are served meanwhile', () =>
        load.each.some((promised, i) => promised > (before[i] ?? 0) + 10),
      );
      await until('a replica has taken over', async () => {
        const roles = await Promise.all(nodes.slice(3).map((node) => node.cli('ROLE')));
        return roles.some((role) => role.startsWith('master'));
      });
      // That replica has no replica of its own until then.
      await nodes[0]?.start();
    });
    assert.ok(load.retries > 0);
    await until('it is said', () => successions > 0);
    t.diagnostic(`${promised} promised, ${Math.round(awayMs)} ms until everybody was served again`);
  });

  test('disk is refused there; fast goes on with the replica that takes over, and says so', async (t) => {
    const { nodes, url } = await startCluster(t);
    await assert.rejects(
      openRedisStore({ url, durability: 'disk', logger: silentLogger() }),
      /this Cluster has replicas\); use quorum/,
    );
    const store = await openRedisForTest(t, url, { durability: 'fast' });
    let successions = 0;
    store.onSuccession(() => successions++);
    const pairs = await Promise.all(Array.from({ length: 12 }, () => newPair(store)));
    await nodes[0]?.kill();
    for (const { sends } of pairs)
      await until(
        'every shard is served',
        async () => (await append(store, sends.item(1))).outcome !== 'retry',
      );
    await until('it is said', () => successions > 0);
  });
});

test('a cut connection to the same Redis is no succession; a restarted Redis is one', async (t) => {
  const redis = await RedisProcess.start();
  t.after(() => redis[Symbol.asyncDispose]());
  const store = await openRedisForTest(t, redis.url, { checkMs: 20 });
  let successions = 0;
  store.onSuccession(() => successions++);
  const looks = async (): Promise<number> =>
    Number(/cmdstat_info:calls=(\d+)/.exec(await redis.cli('INFO', 'commandstats'))?.[1] ?? 0);
  const looked = async (): Promise<void> => {
    const before = await looks();
    await until('it looks again', async () => (await looks()) > before + 3);
  };
  await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal');
  await until('the connection is back', () =>
    store.ping().then(
      () => true,
      () => false,
    ),
  );
  await looked();
  assert.equal(successions, 0);
  await redis.kill();
  await redis.start();
  await until('it is said', () => successions === 1);
  await looked();
  assert.equal(successions, 1);
});
