/**
 * Unmodified CIM clients in a cluster. The contract also holds on another server, at another route, and after
 * the loss of a server.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { cimRequest, Cluster, UnmodifiedCimClient, until } from '@cim/testkit';

let cluster: Cluster;
const clients: UnmodifiedCimClient[] = [];

before(async () => {
  cluster = await Cluster.start({ routes: 2, imServers: 2 });
});

after(async () => {
  await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  await cluster[Symbol.asyncDispose]();
});

const routeUrl = (route: number): string => cluster.routes[route]?.routeUrl ?? '';

async function somebody(name: string, route = 0): Promise<UnmodifiedCimClient> {
  return UnmodifiedCimClient.register(routeUrl(route), name);
}

async function online(name: string, route = 0): Promise<UnmodifiedCimClient> {
  const client = await somebody(name, route);
  clients.push(client);
  await client.connect();
  return client;
}

/** Two clients on different servers: a route's logins go round. */
async function apart(a: string, b: string): Promise<[UnmodifiedCimClient, UnmodifiedCimClient]> {
  return [await online(a), await online(b)];
}

const post = (route: number, path: string, body: object) => cimRequest(routeUrl(route), path, body);

describe('unmodified CIM clients in a cluster', { concurrency: false }, () => {
  test('each im-server is an ephemeral child of /cim, named ip:tcpPort:httpPort', async () => {
    const dump = await cluster.zooKeeper.ask('dump');
    const listed = [...dump.matchAll(/\t(\/cim\/\S+)$/gm)].map(([, path]) => path).sort();
    assert.deepEqual(
      listed,
      cluster.imServers.map(({ tcpPort, httpPort }) => `/cim/127.0.0.1:${tcpPort}:${httpPort}`).sort(),
    );
  });

  test('a login is answered with a server that takes it, and every route knows of it', async () => {
    const client = await somebody('anna', 0);
    clients.push(client);
    const { code, dataBody } = await post(1, '/login', { userId: client.userId, userName: 'anna' });
    assert.equal(code, '9000');
    const { ip, cimServerPort, httpPort } = dataBody as {
      ip: string;
      cimServerPort: number;
      httpPort: number;
    };
    assert.equal(ip, '127.0.0.1');
    assert.ok(cluster.imServers.some((s) => s.tcpPort === cimServerPort && s.httpPort === httpPort));
    for (const route of [0, 1])
      assert.equal((await post(route, '/login', { userId: client.userId, userName: 'anna' })).code, '5000');
    assert.equal((await post(0, '/offLine', { userId: client.userId, msg: '' })).code, '9000');
    await client.connect();
    for (const route of [0, 1])
      await until('the route lists her', async () => {
        const online = (await cimRequest(routeUrl(route), '/onlineUser')).dataBody as { userName: string }[];
        return online.some(({ userName }) => userName === 'anna');
      });
  });

  test('a private message crosses servers, whichever route takes it', async () => {
    const [from, to] = await apart('bert', 'cleo');
    const body = { userId: from.userId, receiveUserId: to.userId, batchMsg: null };
    for (const route of [0, 1]) {
      assert.equal((await post(route, '/p2pRoute', { ...body, msg: `by ${route}` })).code, '9000');
      const { text, properties } = await to.channel.next();
      assert.deepEqual([text, properties.sendUserId], [`by ${route}`, String(from.userId)]);
    }
  });

  test('a group message reaches everyone on every server but its sender, once', async () => {
    const everyone = [...(await apart('dora', 'emil')), ...(await apart('fred', 'gina'))];
    const [from, ...others] = everyone;
    assert.ok(from);
    for (let i = 0; i < 20; i++) assert.equal((await from.toGroup(`to all ${i}`)).code, '9000');
    for (const to of others)
      for (let i = 0; i < 20; i++) assert.equal((await to.channel.next()).text, `to all ${i}`);
    await others[0]?.toGroup('answer');
    assert.equal((await from.channel.next()).text, 'answer');
    for (const to of others.slice(1)) assert.equal((await to.channel.next()).text, 'answer');
    assert.deepEqual(
      everyone.flatMap((client) => client.channel.unread),
      [],
    );
  });

  test('messages stored for an offline user are fetched through any route, on any server', async () => {
    const [from, to] = [await somebody('hans'), await somebody('ines', 1)];
    for (const text of ['one', 'two']) assert.equal((await from.toUser(to.userId, text)).code, '7000');
    clients.push(to);
    await to.connect();
    assert.equal((await post(0, '/fetchOfflineMsgs', { receiveUserId: to.userId })).code, '9000');
    const { cmd, batch, properties } = await to.channel.next();
    assert.deepEqual([cmd, batch, properties.sendUserName], [3, ['one', 'two'], 'hans']);
  });

  test('/offLine on either route closes the channel, wherever it is', async () => {
    for (const [i, client] of (await apart('jens', 'kira')).entries()) {
      const { channel } = client;
      assert.equal((await post(i, '/offLine', { userId: client.userId, msg: '' })).code, '9000');
      await channel.closed;
      await client.connect();
    }
  });

  test('when its server is killed a client logs in again within 30 s and misses nothing', async () => {
    const [to, from] = await apart('lena', 'marc');
    const [first, second] = cluster.imServers;
    assert.ok(first && second);
    const killed = to.channel.port === first.tcpPort ? first : second;
    await killed.end();
    await to.channel.closed;
    const answers = [];
    for (const text of ['one', 'two', 'three']) answers.push((await from.toUser(to.userId, text)).code);
    assert.ok(
      answers.every((code) => code === '7000' || code === '9000'),
      String(answers),
    );
    await until(
      'the login is taken',
      async () => {
        const { code } = await to.logIn();
        assert.ok(code === '9000' || code === '5000', code);
        return code === '9000' && (await to.logOut()).code === '9000';
      },
      31_000,
    );
    await to.connect();
    await to.fetchOffline();
    const texts: string[] = [];
    while (texts.length < 3) {
      const frame = await to.channel.next('what was sent meanwhile', undefined, 10_000);
      texts.push(...(frame.cmd === 3 ? frame.batch : [frame.text]));
    }
    assert.deepEqual(texts, ['one', 'two', 'three']);
  });
});
