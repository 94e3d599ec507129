/** A cluster behind real proxies, with the examples of `deploy/`: who a client is, idle times, restarts, and a server's death. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { CimClient, memoryState } from '@cim/client/node';
import { cim, decodeFrame, encodeFrame, FrameDecoder } from '@cim/protocol';
import { Cluster, freePorts, ProxyProcess, ServerProcess, until } from '@cim/testkit';
import { post, type Way, WebSocketClient } from './web-socket-client.ts';

/** In the example 60 s. It must be longer than half of the idle time of the im-servers, and is. */
const PROXY_IDLE_MS = 7_000;
const IM_IDLE_MS = 12_000;

const clusterEnv = {
  CIM_TRUSTED_PROXIES: '127.0.0.1',
  CIM_IDLE_TIMEOUT_MS: String(IM_IDLE_MS),
  CIM_LOG_LEVEL: 'debug',
};

interface Live {
  readonly userId: number;
  readonly remote: string;
  readonly time: number;
  readonly server: ServerProcess;
}

/** Each session of a user, oldest first, as the im-servers say. */
const sessionsOf = (servers: readonly ServerProcess[], userId: number): Live[] =>
  servers
    .flatMap((server) =>
      server.log
        .split('\n')
        .filter((line) => line.includes('"session.live"'))
        .map((line) => ({ ...(JSON.parse(line) as Omit<Live, 'server'>), server })),
    )
    .filter((live) => live.userId === userId)
    .sort((one, other) => one.time - other.time);

/** Where its sessions came from, without the port. */
const remotesOf = (servers: readonly ServerProcess[], userId: number): Set<string> =>
  new Set(sessionsOf(servers, userId).map(({ remote }) => remote.replace(/:\d+$/, '')));

async function again(client: WebSocketClient): Promise<void> {
  await until('it notices', () => client.closed !== undefined);
  await until(
    'it is back',
    () =>
      client.connect().then(
        () => true,
        () => false,
      ),
    30_000,
  );
}

test('nginx: WebSockets and HTTP with TLS at one address, through idle times, a restart and the death of a server', {
  timeout: 120_000,
}, async () => {
  const [port = 0] = await freePorts(1);
  const shared = `wss://localhost:${port}/cim`;
  await using cluster = await Cluster.start({
    routes: 1,
    imServers: 2,
    env: { ...clusterEnv, CIM_ADVERTISE_URL: shared },
  });
  const [first, second] = cluster.imServers.map(({ tcpPort }) => `127.0.0.1:${tcpPort}`);
  await using nginx = await ProxyProcess.start(
    'nginx',
    'deploy/nginx.conf',
    [port],
    [
      ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
      ['/etc/ssl/chat.example.com.pem', '$dir/cert.pem'],
      ['/etc/ssl/chat.example.com.key', '$dir/cert.key'],
      ['/run/nginx.pid', '$dir/pid'],
      ['/var/log/nginx/error.log', '$dir/error.log'],
      ['worker_connections 20000', 'worker_connections 500'],
      ['10.0.0.11:8083', new URL(cluster.routes[0]?.routeUrl ?? '').host],
      ['10.0.0.21:11211', first ?? ''],
      ['10.0.0.22:11211', second ?? ''],
      [' 60s;', ` ${PROXY_IDLE_MS / 1_000}s;`],
    ],
  );
  const way = (localAddress: string): Way => ({
    ...{ routeUrl: `https://localhost:${port}`, ca: nginx.ca, localAddress },
    headers: { 'x-forwarded-for': '198.51.100.7', origin: `https://localhost:${port}` },
  });
  const ann = await WebSocketClient.register(way('127.0.0.5'), 'ann');
  const ben = await WebSocketClient.register(way('127.0.0.6'), 'ben');
  const both = [ann, ben];
  let counter = 0;
  const texts: string[] = [];
  const chat = async (text: string): Promise<void> => {
    texts.push(text);
    ann.send(ben.userId, ++counter, text);
    await until(`ben has "${text}"`, () => ben.shown.length === texts.length, 30_000);
    assert.deepEqual(ben.shown, texts);
  };
  try {
    await ann.connect();
    await ben.connect();
    await chat('hello');
    for (const [client, address] of [
      [ann, '127.0.0.5'],
      [ben, '127.0.0.6'],
    ] as const)
      assert.deepEqual([...remotesOf(cluster.imServers, client.userId)], [address]);

    // Longer than nginx lets a connection be silent: the im-server pings.
    await new Promise((resolve) => setTimeout(resolve, PROXY_IDLE_MS + 1_000));
    assert.deepEqual(
      both.map(({ closed }) => closed),
      [undefined, undefined],
    );
    await chat('after a while');

    await nginx.stop();
    await Promise.all(both.map((client) => until('it notices', () => client.closed !== undefined)));
    await post({ routeUrl: cluster.routes[0]?.routeUrl ?? '' }, '/p2pRoute', {
      userId: ann.userId,
      receiveUserId: ben.userId,
      msg: 'while nginx was away',
    }).catch(() => undefined);
    texts.push('while nginx was away');
    await nginx.start();
    await Promise.all(both.map(again));
    await chat('after a restart');

    const bens = sessionsOf(cluster.imServers, ben.userId).at(-1)?.server;
    const hit = both.filter(({ userId }) => sessionsOf(cluster.imServers, userId).at(-1)?.server === bens);
    await bens?.end('SIGKILL');
    await Promise.all(hit.map(again));
    await chat('after the death of a server');
    assert.deepEqual(ben.shown, texts);
  } finally {
    for (const client of both) client.end();
  }
});

test('HAProxy: frames over TCP and TLS with the PROXY header, through a restart and the death of a server', {
  timeout: 120_000,
}, async () => {
  const [tcp = 0, tls = 0, https = 0] = await freePorts(3);
  await using cluster = await Cluster.start({
    routes: 1,
    imServers: 2,
    env: { ...clusterEnv, CIM_ADVERTISE_URL: `tcp://127.0.0.1:${tcp}` },
  });
  const routeUrl = cluster.routes[0]?.routeUrl ?? '';
  const [first, second] = cluster.imServers.map(({ tcpPort }) => `127.0.0.1:${tcpPort}`);
  await using haproxy = await ProxyProcess.start(
    'haproxy',
    'deploy/haproxy.cfg',
    [tcp, tls, https],
    [
      ['bind :11211', `bind 127.0.0.1:${tcp}`],
      ['bind :11212', `bind 127.0.0.1:${tls}`],
      ['bind :443', `bind 127.0.0.1:${https}`],
      ['/etc/haproxy/chat.example.com.pem', '$dir/both.pem'],
      ['maxconn 40000', 'maxconn 500'],
      ['10.0.0.11:8083', new URL(routeUrl).host],
      ['10.0.0.21:11211', first ?? ''],
      ['10.0.0.22:11211', second ?? ''],
    ],
  );
  const [ann, ben] = ['ann', 'ben'].map(
    (userName) => new CimClient({ routeUrl, userName, state: memoryState() }),
  );
  assert.ok(ann && ben);
  const shown: string[] = [];
  ben.on('message', ({ texts }) => void shown.push(...texts));
  const texts: string[] = [];
  /** What is sent while nobody can be reached waits with the client. */
  const say = (text: string): Promise<unknown> => {
    texts.push(text);
    return ann.send({ user: ben.user?.userId ?? 0 }, [text]);
  };
  const arrived = async (): Promise<void> => {
    await until('ben has all', () => shown.length >= texts.length, 40_000);
    assert.deepEqual(shown, texts);
  };
  try {
    await ann.connect();
    await ben.connect();
    await say('hello');
    await arrived();
    assert.deepEqual([...remotesOf(cluster.imServers, ben.user?.userId ?? 0)], ['127.0.0.1']);

    // HTTP and a WebSocket, with TLS that ends at HAProxy: X-Forwarded-For of the client's own does not get through.
    const way = { routeUrl: `https://localhost:${https}`, ca: haproxy.ca, localAddress: '127.0.0.7' };
    const tim = await WebSocketClient.register(
      { ...way, headers: { 'x-forwarded-for': '198.51.100.7' } },
      'tim',
    );
    await tim.connect(`wss://localhost:${https}/cim`);
    await until('tim is there', () => remotesOf(cluster.imServers, tim.userId).has('127.0.0.7'));
    tim.end();

    // Frames in TLS: the PROXY header names the client, not HAProxy.
    const { userId } = (await post({ routeUrl }, '/registerAccount', { userName: 'tls' })) as {
      userId: number;
    };
    const login = (await post({ routeUrl }, '/login', { userId, userName: 'tls', wire: 2 })) as {
      ticket: string;
    };
    const socket = connect({ host: '127.0.0.1', port: tls, localAddress: '127.0.0.8' });
    const secure = connectTls({ socket, servername: 'localhost', ca: haproxy.ca });
    const decoder = new FrameDecoder(1 << 20);
    let welcome = false;
    secure.on('error', () => undefined);
    secure.on('data', (chunk: Buffer) =>
      decoder.push(chunk, (body) => {
        welcome ||= decodeFrame(body).welcome !== null;
        return true;
      }),
    );
    await once(secure, 'secureConnect');
    secure.write(encodeFrame(cim.Frame, { login: { userId, ticket: login.ticket } }));
    await until('it is welcome', () => welcome);
    assert.deepEqual([...remotesOf(cluster.imServers, userId)], ['127.0.0.8']);
    secure.destroy();

    await haproxy.stop();
    const meanwhile = say('while HAProxy was away');
    await haproxy.start();
    await meanwhile;
    await arrived();

    const bens = sessionsOf(cluster.imServers, ben.user?.userId ?? 0).at(-1)?.server;
    await bens?.end('SIGKILL');
    await say('after the death of a server');
    await arrived();
  } finally {
    await Promise.all([ann.close(), ben.close()]);
  }
});
