import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ProducerId, Seq } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { PROMPT, RedisProcess, until } from '@cim/testkit';
import { append, appendOk, newPair, newUser } from '../../test/contract-fixture.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import { ends } from '../../test/stored.ts';
import { type OpenStore, storeContract } from '../store.contract.ts';
import type { Store } from '../store.ts';
import { checkAgainstModel } from '../streams.model.ts';
import { openRedisStore } from './redis-store.ts';

describe('quorum, on one master with a replica', () => {
  let master: RedisProcess;
  let replica: RedisProcess;
  const online = () =>
    until('the replica is online', async () => /state=online/.test(await master.cli('INFO', 'replication')));
  before(async () => {
    master = await RedisProcess.start(PROMPT);
    replica = await RedisProcess.start(['--replicaof', `127.0.0.1 ${master.port}`]);
    await online();
  });
  after(() => Promise.all([master, replica].map((each) => each[Symbol.asyncDispose]())));

  const openQuorum: OpenStore = async (times = {}) => {
    const opened: Store[] = [];
    const open = async (): Promise<Store> => {
      const store = await openRedisStore({
        url: master.url,
        durability: 'quorum',
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
  storeContract('keeps the contract', openQuorum);

  test('answers as the model says', async (t) => {
    const store = await openRedisForTest(t, master.url, { durability: 'quorum' });
    assert.match(store.description, /, durable on disk and on every replica/);
    await checkAgainstModel(store, { runs: 10, copies: 'apart' });
  });

  test('a server that has forgotten the script gets it again', async (t) => {
    const store = await openRedisForTest(t, master.url, { durability: 'quorum' });
    const { sends } = await newPair(store);
    await appendOk(store, sends.item(1));
    await master.cli('SCRIPT', 'FLUSH');
    await appendOk(store, sends.item(2));
  });

  test('a replica that hangs makes appends and their repetitions answer retry; moving again, all goes on', async (t) => {
    const store = await openRedisForTest(t, master.url, { durability: 'quorum' });
    const { sends, inbox } = await newPair(store);
    await appendOk(store, sends.item(1));
    replica.freeze();
    try {
      for (const counter of [1, 2, 2, 1]) {
        const answer = await append(store, sends.item(counter));
        assert.equal(answer.outcome, 'retry', `of ${counter}`);
        assert.match(String('cause' in answer && answer.cause), /0 of 1 replicas .* have it after 1000 ms/);
      }
      await assert.rejects(store.accounts.register(sends.sender.userName as never), /not on all replicas/);
    } finally {
      replica.thaw();
    }
    await until('the replica takes part', async () =>
      ['ok', 'duplicate'].includes((await append(store, sends.item(2))).outcome),
    );
    await appendOk(store, sends.item(3));
    assert.equal((await store.streams.position(inbox)).top, 3);
  });

  test('shows nobody an entry that a replica lacks', async (t) => {
    const store = await openRedisForTest(t, master.url, { durability: 'quorum' });
    const { sends, inbox } = await newPair(store);
    await appendOk(store, sends.item(1));
    replica.freeze();
    try {
      assert.equal((await append(store, sends.item(2))).outcome, 'retry');
      assert.equal((await store.streams.peek(inbox, 2 as Seq))?.counter, 2, 'the master has it');
      assert.equal((await store.streams.position(inbox)).top, 2, 'so it says');
      for (const kept of [
        store.streams.read(inbox, 1 as Seq, 10),
        store.streams.kept.peek(inbox, 2 as Seq),
        store.streams.kept.position(inbox),
      ])
        await assert.rejects(kept, /not on all replicas/);
    } finally {
      replica.thaw();
    }
    await online();
    await until('it is read', async () => {
      const entries = await store.streams.read(inbox, 1 as Seq, 10).catch(() => []);
      return entries.length === 2;
    });
    assert.deepEqual(await store.streams.kept.position(inbox), await store.streams.position(inbox));
    assert.equal((await store.streams.kept.peek(inbox, 2 as Seq))?.counter, 2);
    const { inbox: empty } = await newPair(store);
    assert.deepEqual(ends(await store.streams.kept.position(empty)), { first: 1, top: 0, topId: '' });
  });

  test('nobody is told of a held message that a replica lacks', async (t) => {
    const store = await openRedisForTest(t, master.url, { durability: 'quorum' });
    const { sends, inbox } = await newPair(store);
    const id = 'held-message-of-test' as ProducerId;
    const message = { id, sender: sends.sender, to: inbox, content: Buffer.from('x'), reason: '' };
    // Redis has the script then. A call whose script it lacks may fail before it has written anything.
    await store.held.add({ ...message, id: 'another-held-message' as ProducerId }, 10);
    replica.freeze();
    try {
      await assert.rejects(store.held.add(message, 10), /not on all replicas/);
      await assert.rejects(store.held.knows(id), /not on all replicas/);
    } finally {
      replica.thaw();
    }
    await online();
    await until('it is known', () => store.held.knows(id).catch(() => false));
  });

  test('without a replica appends answer retry and the store is not ready, and say why; with it back all goes on', async (t) => {
    const said: string[] = [];
    const logger = { ...silentLogger(), error: (_: unknown, event: string) => said.push(event) };
    const store = await openRedisForTest(t, master.url, {
      durability: 'quorum',
      checkMs: 100,
      logger: logger as never,
    });
    const { sends, inbox } = await newPair(store);
    await appendOk(store, sends.item(1));
    await replica.kill();
    await until('appends answer retry', async () => (await append(store, sends.item(2))).outcome === 'retry');
    // At first it may say that a write was not on all replicas.
    await until('the store says that no replica is online', () =>
      store.ping().then(
        () => false,
        (error: unknown) => /CIM_DURABILITY=quorum: no replica of it is online/.test(String(error)),
      ),
    );
    const answer = await append(store, sends.item(2));
    assert.ok(answer.outcome === 'retry');
    assert.match(String(answer.cause), /no replica of it is online; start one/);
    assert.equal(said.at(-1), 'store.promise-broken');

    await replica.start();
    await online();
    await until('the store is ready', () =>
      store.ping().then(
        () => true,
        () => false,
      ),
    );
    await until('appends are taken', async () =>
      ['ok', 'duplicate'].includes((await append(store, sends.item(2))).outcome),
    );
    await appendOk(store, sends.item(3));
    assert.equal((await store.streams.position(inbox)).top, 3);
    assert.ok(await newUser(store));
  });

  test('an ok, and a duplicate, is on the replica by the time it is answered', async (t) => {
    const store = await openRedisForTest(t, master.url, { durability: 'quorum' });
    const { sends, inbox } = await newPair(store);
    for (const counter of [1, 2, 2]) {
      const answer = await append(store, sends.item(counter));
      assert.ok(answer.outcome === 'ok' || answer.outcome === 'duplicate');
      const log = (
        await replica.cli('--scan', '--pattern', `*:log:*${'user' in inbox ? inbox.user : ''}`)
      ).trim();
      assert.equal((await replica.cli('XLEN', log)).trim(), String(answer.seq));
    }
  });
});
