/** Two routes, three im-servers, Redis and ZooKeeper, each a process; they are ended on purpose. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CimClient, type Message, memoryState } from '@cim/client/node';
import { Cluster, until } from '@cim/testkit';

interface Body {
  readonly code: string;
  readonly message: string;
  readonly dataBody: unknown;
}

let cluster: Cluster;
const clients: CimClient[] = [];

before(async () => {
  cluster = await Cluster.start({ routes: 2, imServers: 3 });
});

after(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await cluster[Symbol.asyncDispose]();
});

async function post(route: number, path: string, body: object): Promise<Body> {
  const answer = await fetch(`${cluster.routes[route]?.routeUrl ?? ''}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await answer.json()) as Body;
}

async function register(name: string, route = 0): Promise<number> {
  const { dataBody } = await post(route, '/registerAccount', { userName: name });
  return (dataBody as { userId: number }).userId;
}

/** A connected client, and what it was shown. */
async function join(name: string, route = 0): Promise<{ client: CimClient; shown: string[]; id: number }> {
  const client = new CimClient({
    routeUrl: cluster.routes[route]?.routeUrl ?? '',
    userName: name,
    state: memoryState(),
  });
  clients.push(client);
  const shown: string[] = [];
  client.on('message', (message: Message) =>
    shown.push(...message.texts.map((text) => `${message.from.userName}: ${text}`)),
  );
  await client.connect();
  return { client, shown, id: client.user?.userId ?? 0 };
}

const serverOf = (client: CimClient) =>
  cluster.imServers.find((server) => client.server.endsWith(`:${server.tcpPort}`));

describe('a cluster of two routes and three im-servers', { concurrency: false }, () => {
  test('a name has one account, whichever routes register it at once', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, (_, i) => register('Zoë', i % 2)));
    assert.equal(new Set(ids).size, 1);
    const others = await Promise.all(Array.from({ length: 40 }, (_, i) => register(`many-${i}`, i % 2)));
    assert.equal(new Set(others).size, 40);
  });

  test('logins of one route go round the three im-servers in strict rotation', async () => {
    const ports: number[] = [];
    for (let i = 0; i < 9; i++) {
      const userId = await register(`round-${i}`);
      const { dataBody } = await post(0, '/login', { userId, userName: `round-${i}` });
      ports.push((dataBody as { cimServerPort: number }).cimServerPort);
    }
    assert.equal(new Set(ports.slice(0, 3)).size, 3);
    assert.deepEqual(ports.slice(3), [...ports.slice(0, 3), ...ports.slice(0, 3)]);
  });

  test('private and group messages arrive over different servers, once and in order', async () => {
    const [a, b, c] = await Promise.all([join('alice'), join('bob', 1), join('carol')]);
    assert.equal(new Set([a, b, c].map(({ client }) => client.server)).size >= 2, true);
    const receipts = [];
    for (let i = 0; i < 50; i++) {
      receipts.push(a.client.send({ user: b.id }, [`p${i}`]));
      receipts.push(a.client.send({ group: 'lobby' }, [`g${i}`]));
    }
    for (const receipt of await Promise.all(receipts)) assert.equal(receipt.outcome, 'stored');
    await until('bob and carol have all', () => b.shown.length >= 100 && c.shown.length >= 50);
    const wanted = (letter: string) => Array.from({ length: 50 }, (_, i) => `alice: ${letter}${i}`);
    assert.deepEqual(
      b.shown.filter((text) => text.startsWith('alice: p')),
      wanted('p'),
    );
    assert.deepEqual(
      b.shown.filter((text) => text.startsWith('alice: g')),
      wanted('g'),
    );
    assert.deepEqual(c.shown, wanted('g'));
    assert.deepEqual(a.shown, []);
  });

  test('a send over HTTP reaches a channel, and the online list names everybody on every route', async () => {
    const dave = await join('dave', 1);
    const sender = await register('eve');
    assert.equal(
      (await post(0, '/p2pRoute', { userId: sender, receiveUserId: dave.id, msg: 'over http' })).code,
      '9000',
    );
    await until('it arrives', () => dave.shown.includes('eve: over http'));
    await until('both routes list dave', async () => {
      const lists = await Promise.all(
        cluster.routes.map((route) =>
          fetch(`${route.routeUrl}/onlineUser`).then((answer) => answer.json() as Promise<Body>),
        ),
      );
      return lists.every(({ dataBody }) =>
        (dataBody as { userName: string }[]).some((user) => user.userName === 'dave'),
      );
    });
  });

  test('a second login is refused while the first lives, and accepted as soon as it has ended', async () => {
    const frank = await join('frank');
    assert.equal((await post(1, '/login', { userId: frank.id, userName: 'frank' })).code, '5000');
    await frank.client.close();
    await until(
      'frank can log in again',
      async () => (await post(1, '/login', { userId: frank.id, userName: 'frank' })).code === '9000',
      3_000,
    );
  });

  test('what is sent to somebody offline arrives when they return, in order', async () => {
    const sender = await register('gina');
    const grace = await register('grace');
    for (let i = 0; i < 5; i++)
      assert.equal(
        (await post(i % 2, '/p2pRoute', { userId: sender, receiveUserId: grace, msg: `m${i}` })).code,
        '7000',
      );
    const { shown } = await join('grace');
    await until('all five are shown', () => shown.length >= 5);
    assert.deepEqual(
      shown,
      [0, 1, 2, 3, 4].map((i) => `gina: m${i}`),
    );
  });

  test('an im-server that is killed loses no answered message, and its users are back on another', async () => {
    const [heidi, ivan] = await Promise.all([join('heidi'), join('ivan', 1)]);
    const victim = serverOf(heidi.client);
    assert.ok(victim);
    const sends = Array.from({ length: 20 }, (_, i) => ivan.client.send({ user: heidi.id }, [`k${i}`]));
    await victim.end();
    for (const receipt of await Promise.all(sends)) assert.equal(receipt.outcome, 'stored');
    for (let i = 20; i < 30; i++)
      assert.equal((await ivan.client.send({ user: heidi.id }, [`k${i}`])).outcome, 'stored');
    await until('heidi has all, on another server', () => heidi.shown.length >= 30, 35_000);
    assert.deepEqual(
      heidi.shown,
      Array.from({ length: 30 }, (_, i) => `ivan: k${i}`),
    );
    assert.notEqual(serverOf(heidi.client), victim);
  });

  test('users of a killed im-server log in again within 30 s with nothing cleaned by hand', async () => {
    const judy = await join('judy');
    const victim = serverOf(judy.client);
    assert.ok(victim);
    await judy.client.close();
    await cluster.startImServer();
    // A CIM client holds no session secret: it must wait for the lease of the dead server.
    const userId = await register('karl');
    let placed: { cimServerPort: number } | undefined;
    await until('karl is placed on the victim', async () => {
      const { dataBody, code } = await post(0, '/login', { userId, userName: 'karl' });
      if (code === '9000') placed = dataBody as { cimServerPort: number };
      return placed !== undefined;
    });
    await cluster.imServers.find((server) => server.tcpPort === placed?.cimServerPort)?.end();
    await until(
      'karl can log in again',
      async () => (await post(1, '/login', { userId, userName: 'karl' })).code === '9000',
      31_000,
    );
  });

  test('nobody who is connected notices that ZooKeeper is dead, and logins go on', async () => {
    const [leo, mona] = await Promise.all([join('leo'), join('mona', 1)]);
    await cluster.zooKeeper.kill();
    assert.equal((await leo.client.send({ user: mona.id }, ['without ZooKeeper'])).outcome, 'stored');
    await until('it arrives', () => mona.shown.includes('leo: without ZooKeeper'));
    const nina = await join('nina');
    assert.equal((await leo.client.send({ user: nina.id }, ['welcome'])).outcome, 'stored');
    await until('it arrives', () => nina.shown.includes('leo: welcome'));
    await cluster.zooKeeper.start();
    const more = await cluster.startImServer();
    await until('a new im-server is listed again', async () => {
      const ports = new Set<number>();
      for (let i = 0; i < 4; i++) {
        const name = `listed-${ports.size}-${i}-${Date.now() % 100_000}`;
        const { dataBody } = await post(0, '/login', { userId: await register(name), userName: name });
        ports.add((dataBody as { cimServerPort: number } | null)?.cimServerPort ?? 0);
      }
      return ports.has(more.tcpPort);
    });
  });

  test('a Redis that is down for a moment throws nobody out and loses nothing', async () => {
    const [olga, paul] = await Promise.all([join('olga'), join('paul', 1)]);
    await cluster.redis.kill();
    const send = olga.client.send({ user: paul.id }, ['while it was down']);
    const overHttp = await fetch(`${cluster.routes[0]?.routeUrl ?? ''}/groupRoute`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ userId: olga.id, msg: 'never stored' }),
    });
    assert.equal(overHttp.status, 503);
    assert.ok(Number(overHttp.headers.get('retry-after')) >= 1);
    await cluster.redis.start();
    assert.equal((await send).outcome, 'stored');
    await until('it arrives', () => paul.shown.includes('olga: while it was down'), 35_000);
    assert.equal(olga.client.online && paul.client.online, true);
  });

  test('an im-server that is told to stop sends its users elsewhere and ends with 0', async () => {
    const [quinn, rita] = await Promise.all([join('quinn'), join('rita', 1)]);
    const leaving = serverOf(quinn.client);
    assert.ok(leaving);
    assert.equal(await leaving.end('SIGTERM'), 0);
    assert.equal((await rita.client.send({ user: quinn.id }, ['still there?'])).outcome, 'stored');
    await until('quinn has it on another server', () => quinn.shown.includes('rita: still there?'), 20_000);
  });

  test('one of two routes is enough: the other is killed and nothing is forgotten', async () => {
    const userId = await register('sven', 0);
    await cluster.routes[0]?.end();
    const { code } = await post(1, '/login', { userId, userName: 'sven' });
    assert.equal(code, '9000');
    assert.equal((await post(1, '/login', { userId, userName: 'sven' })).code, '5000');
  });
});
