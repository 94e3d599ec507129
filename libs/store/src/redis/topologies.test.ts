import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { silentLogger } from '@cim/runtime';
import { endWithUs, freePorts, RedisProcess, until } from '@cim/testkit';
import { append, appendOk, newPair } from '../../test/contract-fixture.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import { storeContract } from '../store.contract.ts';
import type { Store } from '../store.ts';
import { checkAgainstModel } from '../streams.model.ts';
import { openRedisStore } from './redis-store.ts';

const run = promisify(execFile);

describe('a Cluster of three masters', () => {
  let nodes: RedisProcess[];
  let url: string;
  before(async () => {
    nodes = await RedisProcess.startCluster();
    url = `redis+cluster://${nodes.map((node) => `127.0.0.1:${node.port}`).join(',')}`;
  });
  after(() => Promise.all(nodes.map((node) => node[Symbol.asyncDispose]())));

  storeContract('keeps the contract', async (times = {}) => {
    const opened: Store[] = [];
    const open = async (): Promise<Store> => {
      const store = await openRedisStore({ url, durability: 'disk', logger: silentLogger(), ...times });
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
  });

  test('answers as the model says', async (t) => {
    const store = await openRedisForTest(t, url);
    assert.match(store.description, /^Redis Cluster at .*, durable on disk \(appendfsync always\)$/);
    await checkAgainstModel(store, { runs: 10 });
  });

  test('is refused under redis://, which would reach a third of the shards', async () => {
    for (const node of nodes)
      await assert.rejects(
        openRedisStore({ url: node.url, durability: 'fast', logger: silentLogger() }),
        /is a node of a Cluster; write redis\+cluster:\/\//,
      );
  });

  test('one node killed: its shards answer retry; started again, they go on', async (t) => {
    const store = await openRedisForTest(t, url);
    const pairs = await Promise.all(Array.from({ length: 12 }, () => newPair(store)));
    const all = (counter: number) =>
      Promise.all(pairs.map(({ sends }) => append(store, sends.item(counter))));
    assert.ok((await all(1)).every((answer) => answer.outcome === 'ok'));
    await nodes[0]?.kill();
    const started = performance.now();
    const outcomes = (await all(2)).map((answer) => answer.outcome);
    assert.ok(performance.now() - started < 2_500);
    assert.ok(outcomes.includes('retry'), outcomes.join());
    await nodes[0]?.start();
    for (const { sends } of pairs)
      await until('the shard is back', async () =>
        ['ok', 'duplicate'].includes((await append(store, sends.item(2))).outcome),
      );
    for (const { sends, inbox } of pairs) {
      await appendOk(store, sends.item(3));
      assert.equal((await store.streams.position(inbox)).top, 3);
    }
  });

  test('all nodes killed: everything fails soon; started again, everything goes on', async (t) => {
    const store = await openRedisForTest(t, url);
    const { sends, to } = await newPair(store);
    await appendOk(store, sends.item(1));
    await Promise.all(nodes.map((node) => node.kill()));
    for (let i = 0; i < 3; i++) {
      const started = performance.now();
      const [answer] = await Promise.all([
        append(store, sends.item(2)),
        assert.rejects(store.sessions.locate(to.userId), /does not answer/),
      ]);
      assert.equal(answer.outcome, 'retry');
      assert.ok(performance.now() - started < 2_500);
    }
    await Promise.all(nodes.map((node) => node.start()));
    await until('the Cluster is back', async () =>
      ['ok', 'duplicate'].includes((await append(store, sends.item(2))).outcome),
    );
    assert.equal(await store.sessions.locate(to.userId), undefined);
  });
});

describe('Sentinel', () => {
  test('leads to the master, and to the replica that takes over; disk is refused there', async (t) => {
    const master = await RedisProcess.start();
    t.after(() => master[Symbol.asyncDispose]());
    const replica = await RedisProcess.start(['--replicaof', `127.0.0.1 ${master.port}`]);
    t.after(() => replica[Symbol.asyncDispose]());
    await until('the replica is in step', async () =>
      /master_link_status:up/.test(await replica.cli('INFO', 'replication')),
    );
    const url = `redis+sentinel://127.0.0.1:${await startSentinel(t, master)}/cim`;
    await assert.rejects(openRedisForTest(t, url), /disk cannot be kept where a replica can be promoted/);

    const store = await openRedisForTest(t, url, { durability: 'fast' });
    const { sends, inbox } = await newPair(store);
    await appendOk(store, sends.item(1));
    await until('the replica has it', async () =>
      (await replica.cli('--scan', '--pattern', '*:log:*')).includes(':log:'),
    );
    await master.kill();
    await until('the replica serves', async () =>
      ['ok', 'duplicate'].includes((await append(store, sends.item(2))).outcome),
    );
    assert.equal((await store.streams.position(inbox)).top, 2);
    assert.match(await replica.cli('INFO', 'replication'), /role:master/);
  });
});

/** Answers its port. It watches `master` as `cim`, and decides alone. */
async function startSentinel(t: TestContext, master: RedisProcess): Promise<number> {
  const [port = 0] = await freePorts(1);
  const directory = await mkdtemp(join(tmpdir(), 'cim-sentinel-'));
  const configuration = join(directory, 'sentinel.conf');
  await writeFile(
    configuration,
    `port ${port}\nbind 127.0.0.1\ndir ${directory}\nsentinel monitor cim 127.0.0.1 ${master.port} 1\n` +
      'sentinel down-after-milliseconds cim 500\nsentinel failover-timeout cim 3000\n',
  );
  const child = spawn('redis-server', [configuration, '--sentinel'], { stdio: 'ignore' });
  endWithUs(child);
  t.after(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    await rm(directory, { recursive: true, force: true });
  });
  const ask = async (): Promise<string> =>
    (await run('redis-cli', ['-p', String(port), 'SENTINEL', 'REPLICAS', 'cim'])).stdout;
  await until('the Sentinel knows the replica', async () => /runid/.test(await ask().catch(() => '')));
  return port;
}
