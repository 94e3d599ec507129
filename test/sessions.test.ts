/** One session per user under the policy `kick`, and placement past a server that does not answer. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
import { Cluster, until } from '@cim/testkit';

let cluster: Cluster;
const clients: CimClient[] = [];

before(async () => {
  cluster = await Cluster.start({ routes: 1, imServers: 2, env: { CIM_SESSION_POLICY: 'kick' } });
});

after(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await cluster[Symbol.asyncDispose]();
});

async function join(name: string): Promise<{ client: CimClient; closed: () => string | undefined }> {
  const client = new CimClient({
    routeUrl: cluster.routes[0]?.routeUrl ?? '',
    userName: name,
    state: memoryState(),
  });
  clients.push(client);
  let reason: string | undefined;
  client.on('closed', (end) => {
    reason = end.reason;
  });
  await client.connect();
  return { client, closed: () => reason };
}

interface Body {
  readonly code: string;
  readonly dataBody: unknown;
}

async function post(path: string, body: object): Promise<Body> {
  const answer = await fetch(`${cluster.routes[0]?.routeUrl ?? ''}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await answer.json()) as Body;
}

describe('sessions of a cluster with the policy kick', { concurrency: false }, () => {
  test('a second login closes the first as superseded, on another server too, and keeps the second', async () => {
    for (let i = 0; i < 4; i++) {
      const first = await join(`twice-${i}`);
      const second = await join(`twice-${i}`);
      await until('the first is told', () => first.closed() !== undefined);
      assert.equal(first.closed(), 'superseded');
      assert.equal(second.client.online, true);
      const echo = await second.client.send({ user: second.client.user?.userId ?? 0 }, ['to myself']);
      assert.equal(echo.outcome, 'stored');
    }
  });

  test('a server that is frozen gets no login: the next one does, and that is what is stored', async () => {
    const [frozen, other] = cluster.imServers;
    assert.ok(frozen && other);
    frozen.freeze();
    try {
      for (let i = 0; i < 4; i++) {
        const userName = `past-${i}`;
        const { dataBody: account } = await post('/registerAccount', { userName });
        const { userId } = account as { userId: number };
        const { code, dataBody } = await post('/login', { userId, userName });
        assert.equal(code, '9000');
        assert.equal((dataBody as { cimServerPort: number }).cimServerPort, other.tcpPort);
      }
    } finally {
      frozen.thaw();
    }
  });

  test('with no im-server a login is answered 7100 and leaves no trace', async () => {
    const { dataBody: account } = await post('/registerAccount', { userName: 'lonely' });
    const { userId } = account as { userId: number };
    await Promise.all(cluster.imServers.map((server) => server.end()));
    assert.equal((await post('/login', { userId, userName: 'lonely' })).code, '7100');
    await cluster.startImServer();
    await until(
      'the login is placed, not refused as a repetition',
      async () => {
        const { code } = await post('/login', { userId, userName: 'lonely' });
        assert.notEqual(code, '5000');
        return code === '9000';
      },
      20_000,
    );
  });
});
