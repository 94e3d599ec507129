import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { Backoff, type Logger, silentLogger } from '@cim/runtime';
import { CreateMode } from 'node-zookeeper-client';
import { FaultProxy } from '../test/fault-proxy.ts';
import { RawClient } from '../test/raw-client.ts';
import { recordingLogger } from '../test/recording-logger.ts';
import { until } from '@cim/testkit';
import { ZooKeeperProcess } from '@cim/testkit';
import { encodeNodeData } from './member-node.ts';
import { member, namesOf } from './membership.contract.ts';
import { type Membership, memberName } from './membership.ts';
import { openZooKeeperMembership } from './zookeeper-membership.ts';

const SESSION_TIMEOUT_MS = 2000;
const alice = member('10.0.0.1', 'alice');
const bob = member('10.0.0.2', 'bob');

const opened: Membership[] = [];
const open = (servers: string, logger: Logger = silentLogger()): Membership => {
  const membership = openZooKeeperMembership({ servers, logger, sessionTimeoutMs: SESSION_TIMEOUT_MS });
  opened.push(membership);
  return membership;
};
const started = async (servers: string, logger?: Logger): Promise<Membership> => {
  const membership = open(servers, logger);
  await membership.start();
  return membership;
};
const stopAll = async (): Promise<void> => {
  const ended = opened.splice(0);
  await Promise.all(ended.map((membership) => membership.stop()));
};
const elapsed = async (ms: number): Promise<void> => {
  const since = performance.now();
  await until(`${ms} ms have passed`, () => performance.now() - since >= ms);
};
/** Collects every list that a membership shows after this call. */
const recordLists = (membership: Membership): string[] => {
  const lists: string[] = [];
  membership.onChange(() => lists.push(namesOf(membership).join()));
  return lists;
};

describe('membership when one ZooKeeper server fails', () => {
  let server: ZooKeeperProcess;
  before(async () => {
    server = await ZooKeeperProcess.start();
  });
  afterEach(async () => {
    server.resume();
    await stopAll();
  });
  after(() => server[Symbol.asyncDispose]());

  test('keeps the list while ZooKeeper is dead, and its members are listed when it is back', async () => {
    const [a, b] = [await started(server.address), await started(server.address)];
    await a.announce(alice);
    await until('both list it', () => b.members().length === 1);
    const lists = recordLists(b);
    await server.kill();
    await until('both know', () => !a.connected && !b.connected);
    assert.deepEqual(b.members(), [alice]);
    const again = member(alice.host, 'again');
    await a.withdraw();
    const announced = a.announce(again);
    assert.deepEqual(b.members(), [alice], 'as it was');
    await server.start();
    await announced;
    assert.deepEqual(a.members(), [again]);
    await until('what was announced meanwhile is listed', () => b.members()[0]?.instance === again.instance);
    assert.ok(!lists.includes(''), 'nobody was told that there is no server');
  });

  test('is listed again when ZooKeeper comes back without anything it stored', async () => {
    const [a, b] = [await started(server.address), await started(server.address)];
    await a.announce(alice);
    await until('both list it', () => b.members().length === 1);
    const lists = recordLists(b);
    await server.kill();
    await server.wipe();
    await server.start();
    await until('both are connected', () => a.connected && b.connected);
    const fresh = await started(server.address);
    await until('one who was not there lists it', () => fresh.members().length === 1);
    assert.deepEqual(b.members(), [alice]);
    assert.deepEqual(lists, [], 'the list never changed');
  });

  test('is off the list when ZooKeeper is back, if it withdrew while that was dead for long', async () => {
    const [a, b] = [await started(server.address), await started(server.address)];
    await a.announce(alice);
    await until('both list it', () => b.members().length === 1);
    await server.kill();
    await until('both know', () => !a.connected && !b.connected);
    await a.withdraw();
    await elapsed(SESSION_TIMEOUT_MS * 1.5);
    await server.start();
    await until('both are connected', () => a.connected && b.connected);
    const since = performance.now();
    const fresh = await started(server.address);
    await until('it is off the list', () => fresh.members().length === 0);
    assert.ok(
      performance.now() - since < SESSION_TIMEOUT_MS / 2,
      'without waiting for the old session to end',
    );
  });

  test('is listed with its new data at once when it restarts within the session timeout of its past', async () => {
    using past = await RawClient.connect(server.port, SESSION_TIMEOUT_MS, new Backoff(50, 500));
    const watcher = await started(server.address);
    await past.do((client, done) =>
      client.create(`/cim/${memberName(alice)}`, encodeNodeData(alice), CreateMode.EPHEMERAL, done),
    );
    await until('the past is listed', () => watcher.members().length === 1);
    past[Symbol.dispose]();
    const present = member(alice.host, 'present', { startedAt: 2 });
    const restarted = await started(server.address);
    const since = performance.now();
    await restarted.announce(present);
    assert.ok(performance.now() - since < 1000, 'without waiting for the old session to end');
    assert.deepEqual(restarted.members(), [present]);
    await until('others see the new data', () => watcher.members()[0]?.instance === present.instance);
    await elapsed(SESSION_TIMEOUT_MS * 1.5);
    assert.deepEqual(watcher.members(), [present], 'the end of the old session takes nothing with it');
  });

  test('is listed again after ZooKeeper hung for longer than the session timeout, and nobody saw an empty list', async () => {
    const [a, b] = [await started(server.address), await started(server.address)];
    await a.announce(alice);
    await b.announce(bob);
    const both = `${memberName(alice)},${memberName(bob)}`;
    await until('both list both', () => namesOf(a).join() === both && namesOf(b).join() === both);
    const lists = [...recordLists(a), ...recordLists(b)];
    server.hang();
    const since = performance.now();
    await until('both notice', () => !a.connected && !b.connected);
    assert.ok(performance.now() - since < SESSION_TIMEOUT_MS * 0.75, 'before the session is over');
    await elapsed(SESSION_TIMEOUT_MS * 1.5);
    server.resume();
    await until('both are connected', () => a.connected && b.connected);
    const fresh = await started(server.address);
    await until('one who was not there lists both', () => namesOf(fresh).join() === both);
    await elapsed(SESSION_TIMEOUT_MS * 1.5);
    for (const one of [a, b, fresh]) assert.equal(namesOf(one).join(), both);
    assert.deepEqual(lists, [], 'the list never changed');
  });

  test('is listed again after its session expired while ZooKeeper served the others', async () => {
    await using proxy = await FaultProxy.start(server.port);
    const { logger, count } = recordingLogger();
    const [a, b] = [await started(proxy.address, logger), await started(server.address)];
    await a.announce(alice);
    await until('the other lists it', () => b.members().length === 1);
    proxy.freeze();
    await until('it is gone for the other', () => b.members().length === 0);
    assert.equal(a.connected, false);
    assert.deepEqual(a.members(), [alice], 'keeps its last list');
    proxy.thaw();
    await until('the other lists it again', () => b.members().length === 1);
    assert.deepEqual(b.members(), [alice]);
    assert.equal(count('zookeeper.expired'), 1);
    assert.equal(count('zookeeper.hung'), 1);
  });

  test('drops who did not come back when one session timeout has passed since its own session expired', async () => {
    await using proxy = await FaultProxy.start(server.port);
    const [a, b] = [await started(proxy.address), await started(server.address)];
    await a.announce(alice);
    await b.announce(bob);
    await until('both are listed', () => a.members().length === 2);
    proxy.freeze();
    await until('the session of the one is over', () => b.members().length === 1);
    await b.stop();
    proxy.thaw();
    await until('it is connected', () => a.connected);
    await until('it lists itself alone', () => namesOf(a).join() === memberName(alice));
  });

  test('goes on with the same session when the connection breaks in the midst of an answer', async () => {
    await using proxy = await FaultProxy.start(server.port);
    const { logger, count } = recordingLogger();
    const a = await started(proxy.address, logger);
    await a.announce(alice);
    const b = await started(server.address);
    const lists = recordLists(b);
    for (const bytes of [1, 3, 7, 21]) {
      const connections = proxy.connections;
      proxy.cutAfter(bytes);
      await until('it has connected again', () => proxy.connections > connections && a.connected);
      await b.announce({ ...bob, tcpPort: 11300 + bytes });
      await until('it reads on', () => namesOf(a).includes(`10.0.0.2:${11300 + bytes}:8081`));
    }
    assert.equal(count('zookeeper.expired'), 0);
    assert.ok(
      lists.every((list) => list.includes(memberName(alice))),
      'it was listed all the time',
    );
  });

  test('understands answers that arrive byte by byte', async () => {
    await using proxy = await FaultProxy.start(server.port);
    proxy.splitBytes();
    const a = await started(proxy.address);
    await a.announce(alice);
    assert.deepEqual(a.members(), [alice]);
  });

  test('of two processes with one address the later start is listed, and the other one when that leaves', async () => {
    const { logger, count } = recordingLogger();
    const [old, late, watcher] = [
      await started(server.address, logger),
      await started(server.address),
      await started(server.address),
    ];
    const later = member(alice.host, 'later', { startedAt: 2 });
    await old.announce(alice);
    await until('the old one is listed', () => watcher.members().length === 1);
    const instances: (string | undefined)[] = [];
    watcher.onChange(() => instances.push(watcher.members()[0]?.instance));
    await late.announce(later);
    await until('the old one stands back', () => count('membership.name-taken') === 1);
    await late.withdraw();
    await until('the old one is listed again', () => watcher.members()[0]?.instance === alice.instance);
    assert.deepEqual(
      instances.filter((instance) => instance !== undefined),
      [later.instance, alice.instance],
    );
  });

  test('lists servers of CIM without an instance, and passes over names that are no members, with one warning each', async () => {
    using raw = await RawClient.connect(server.port, SESSION_TIMEOUT_MS, new Backoff(50, 500));
    const { logger, count } = recordingLogger();
    const watcher = await started(server.address, logger);
    const plant = (name: string, data: string): Promise<string> =>
      raw.do((client, done) => client.create(`/cim/${name}`, Buffer.from(data), CreateMode.EPHEMERAL, done));
    const foreign = [
      '__proto__',
      'constructor',
      'garbage',
      'a:b:c',
      'host:0:1',
      'host:1:65536',
      '::1:1',
      'a b:1:2',
    ];
    for (const name of foreign) await plant(name, '{}');
    await plant('10.1.0.1:11211:8081', '');
    await plant('10.1.0.2:11211:8081', '\u00ac\u00ed\u0000\u0005p');
    await plant('10.1.0.3:11211:8081', '{"instance":"../../etc/passwd","version":1}');
    await plant('10.1.0.4:11211:8081', JSON.stringify({ instance: 'i'.repeat(16), more: 'x'.repeat(5000) }));
    await plant('10.1.0.5:11211:8081', 'null');
    await plant(
      '10.1.0.6:11211:8081',
      JSON.stringify({ instance: 'i'.repeat(16), version: 7, startedAt: 'x' }),
    );
    await until('the last is listed', () => watcher.members().length === 6);
    const address = (i: number) => ({ host: `10.1.0.${i}`, tcpPort: 11211, httpPort: 8081 });
    assert.deepEqual(watcher.members(), [
      ...[1, 2, 3, 4, 5].map(address),
      { ...address(6), instance: 'i'.repeat(16) },
    ]);
    assert.equal(count('membership.foreign-node'), foreign.length);
    raw[Symbol.dispose]();
    await until('they are gone with their session', () => watcher.members().length === 0);
  });

  test('works under a path of its own, and does not see what is elsewhere', async () => {
    const [a, b] = [await started(`${server.address}/some/cluster`), await started(server.address)];
    await a.announce(alice);
    assert.deepEqual(a.members(), [alice]);
    assert.deepEqual(b.members(), []);
  });
});

describe('membership when ZooKeeper is not there at the start', () => {
  afterEach(stopAll);

  test('starts without it, and is listed when it comes up', async () => {
    await using server = await ZooKeeperProcess.create();
    const { logger, count } = recordingLogger();
    const membership = open(server.address, logger);
    const since = performance.now();
    await Promise.all([membership.start(), membership.announce(alice)]);
    assert.ok(performance.now() - since < 6000, 'does not wait for ever');
    assert.equal(membership.connected, false);
    assert.deepEqual(membership.members(), []);
    assert.equal(count('zookeeper.unreachable'), 1, 'said once');
    await server.start();
    await until('it is listed', () => membership.members().length === 1);
    assert.equal(membership.connected, true);
  });

  test('stops while it is still trying', async () => {
    await using server = await ZooKeeperProcess.create();
    const membership = open(server.address);
    const start = membership.start();
    await membership.stop();
    await start;
    assert.equal(membership.connected, false);
  });
});

describe('membership on an ensemble of three', () => {
  let servers: ZooKeeperProcess[];
  before(async () => {
    servers = await ZooKeeperProcess.startEnsemble();
  });
  afterEach(async () => {
    for (const server of servers) server.resume();
    await stopAll();
  });
  after(() => Promise.all(servers.map((server) => server[Symbol.asyncDispose]())));

  const everywhere = (): string => servers.map((server) => server.address).join();
  /** Finds the ZooKeeper server that holds the only session. */
  const holder = async (): Promise<ZooKeeperProcess> => {
    for (const server of servers)
      if ((await server.ask('cons').catch(() => '')).includes('sid=')) return server;
    throw new Error('no server holds the session');
  };

  test('stays listed when the server that it is connected to hangs', async () => {
    const { logger, count } = recordingLogger();
    const a = await started(everywhere(), logger);
    await a.announce(alice);
    const holding = await holder();
    const b = await started(
      servers
        .filter((server) => server !== holding)
        .map((server) => server.address)
        .join(),
    );
    const lists = recordLists(b);
    holding.hang();
    await until('it notices', () => count('zookeeper.hung') === 1);
    await until('it is connected to another', () => count('zookeeper.connected') === 2);
    await elapsed(SESSION_TIMEOUT_MS * 1.5);
    assert.deepEqual(b.members(), [alice]);
    holding.resume();
    await until('the one that hung serves again', async () =>
      /^Mode:/m.test(await holding.ask('srvr').catch(() => '')),
    );
    assert.deepEqual(lists, [], 'in the same session: its node never went');
  });

  test('stays listed when the server that it is connected to is killed', async () => {
    const { logger, count } = recordingLogger();
    const a = await started(everywhere(), logger);
    await a.announce(alice);
    const holding = await holder();
    await holding.kill();
    await until('it notices', () => count('zookeeper.disconnected') === 1);
    await until('it is connected to another', () => count('zookeeper.connected') === 2);
    assert.equal(count('zookeeper.expired'), 0);
    const b = await started(everywhere());
    assert.deepEqual(b.members(), [alice]);
    await b.announce(bob);
    await until('and sees what happens there', () => a.members().length === 2);
  });
});
