/** Programs whose Redis is away at the start, or refuses writes later: they say why, and go on when it is mended. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  CimConnection,
  Cluster,
  freePorts,
  RedisProcess,
  ServerProcess,
  UnmodifiedCimClient,
  until,
  ZooKeeperProcess,
} from '@cim/testkit';

/** Promised from the refusal to the answer [ms]. */
const WITHIN_MS = 10_000;
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** What `/readyz` says is missing; '' when the server is ready, 'nothing' when nobody answers. */
async function missing(url: string): Promise<string> {
  const answer = await fetch(`${url}/readyz`).catch(() => undefined);
  if (answer === undefined) return 'nothing';
  return answer.ok ? '' : ((await answer.json()) as { missing: string[] }).missing.join();
}

/** The events that a server has logged, without those of level info, and lines that are none. */
const warnings = ({ log }: ServerProcess): string[] =>
  log.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return line === '' ? [] : [line];
    const { level, msg } = JSON.parse(line) as { level: number | string; msg: string };
    return level === 30 || level === 'info' ? [] : [msg];
  });

describe('a cluster whose Redis refuses writes', () => {
  let cluster: Cluster;
  let urls: string[];
  before(async () => {
    cluster = await Cluster.start({ routes: 1, imServers: 1 });
    urls = [
      ...cluster.routes.map(({ routeUrl }) => routeUrl),
      ...cluster.imServers.map(({ httpPort }) => `http://127.0.0.1:${httpPort}`),
    ];
  });
  after(() => cluster[Symbol.asyncDispose]());

  const cases: [name: string, refuse: string[], words: RegExp, mend: string[]][] = [
    [
      'for want of memory',
      ['CONFIG', 'SET', 'maxmemory', '1'],
      /store: .*refuses writes: OOM .*raise maxmemory/,
      ['CONFIG', 'SET', 'maxmemory', '0'],
    ],
    [
      'because it has become a replica',
      ['REPLICAOF', '127.0.0.1', '1'],
      /store: .*(READONLY|MASTERDOWN|replica)/,
      ['REPLICAOF', 'NO', 'ONE'],
    ],
  ];
  for (const [name, refuse, words, mend] of cases)
    test(`${name} is not ready within 10 s and says so, and is ready again when it is mended`, async () => {
      for (const url of urls) assert.equal(await missing(url), '');
      await cluster.redis.cli(...refuse);
      await Promise.all(
        urls.map((url) => until(`${url} says why`, async () => words.test(await missing(url)), WITHIN_MS)),
      );
      await cluster.redis.cli(...mend);
      for (const url of urls) await until(`${url} is ready again`, async () => (await missing(url)) === '');
    });
});

describe('a start while Redis is away', { concurrency: true }, () => {
  let redis: RedisProcess;
  let zooKeeper: ZooKeeperProcess;
  before(async () => {
    [redis, zooKeeper] = await Promise.all([RedisProcess.start(), ZooKeeperProcess.start()]);
    await redis.kill();
  });
  after(async () => {
    await Promise.all([redis[Symbol.asyncDispose](), zooKeeper[Symbol.asyncDispose]()]);
  });

  test('waits with one line, is not ready meanwhile, and serves when Redis comes', async () => {
    const [httpPort = 0] = await freePorts(1);
    const env = { CIM_REDIS_URL: redis.url, CIM_ZK: zooKeeper.address, CIM_HTTP_PORT: String(httpPort) };
    await using imServer = ServerProcess.launch('im-server', env);
    await using route = ServerProcess.launch('route', env);
    await route.listens();
    const urls = [route.routeUrl, `http://127.0.0.1:${httpPort}`];
    for (const url of urls)
      await until(`${url} says why`, async () => /store: .*cannot serve/.test(await missing(url)));
    for (const server of [imServer, route]) assert.deepEqual(warnings(server), ['store.not-ready']);

    await redis.start();
    await imServer.listens();
    for (const url of urls) await until(`${url} is ready`, async () => (await missing(url)) === '');
    for (const server of [imServer, route]) assert.deepEqual(warnings(server), ['store.not-ready']);
    const user = await UnmodifiedCimClient.register(route.routeUrl, 'early-bird');
    assert.equal((await user.logIn()).code, '9000');
    const channel = await CimConnection.open('127.0.0.1', imServer.tcpPort);
    channel.logIn(user.userId, 'early-bird');
    await channel.ping();
  });

  test('ends cleanly at SIGTERM, when its internal port is open too: im-server', async () => {
    const [port = 0, httpPort = 0] = await freePorts(2);
    await using server = ServerProcess.launch('im-server', {
      CIM_REDIS_URL: `redis://127.0.0.1:${port}`,
      CIM_ZK: zooKeeper.address,
      CIM_HTTP_PORT: String(httpPort),
    });
    const url = `http://127.0.0.1:${httpPort}`;
    await until('it says that it waits', async () => /store: /.test(await missing(url)));
    assert.equal(await server.end('SIGTERM'), 0);
    assert.deepEqual(warnings(server), ['store.not-ready']);
  });
});

describe('a program that waits for Redis', { concurrency: true }, () => {
  for (const program of ['route', 'im-server'] as const)
    for (const signal of SIGNALS)
      test(`ends cleanly at ${signal}: ${program}`, async () => {
        const [port = 0, httpPort = 0] = await freePorts(2);
        const env = { CIM_REDIS_URL: `redis://127.0.0.1:${port}`, CIM_HTTP_PORT: String(httpPort) };
        await using server = ServerProcess.launch(program, env);
        await until('it waits', () => server.log.includes('store.not-ready'));
        assert.equal(await server.end(signal), 0);
        assert.deepEqual(warnings(server), ['store.not-ready']);
      });
});
