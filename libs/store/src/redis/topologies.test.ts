import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { silentLogger } from '@cim/runtime';
import { RedisProcess, until } from '@cim/testkit';
import { append, appendOk, newPair } from '../../test/contract-fixture.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import { type OpenStore, storeContract } from '../store.contract.ts';
import type { Store } from '../store.ts';
import { checkAgainstModel } from '../streams.model.ts';
import { openRedisStore } from './redis-store.ts';

describe('a Cluster of three masters', () => {
  let nodes: RedisProcess[];
  let url: string;
  before(async () => {
    nodes = await RedisProcess.startCluster();
    url = `redis+cluster://${nodes.map((node) => `127.0.0.1:${node.port}`).join(',')}`;
  });
  after(() => Promise.all(nodes.map((node) => node[Symbol.asyncDispose]())));

  const openCluster: OpenStore = async (times = {}) => {
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
  };
  storeContract('keeps the contract', openCluster);

  test('answers as the model says', async (t) => {
    const store = await openRedisForTest(t, url);
    assert.match(store.description, /^Redis Cluster at .*, durable on disk \(appendfsync always\)$/);
    await checkAgainstModel(store, { runs: 10, copies: 'apart' });
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
    assert.deepEqual(await store.sessions.locate(to.userId), []);
  });
});
