/** Sessions that are over while somebody still believes in them: a logout whose kick is lost, a lease that a clock prolongs. */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
import { CimConnection, Cluster, ServerProcess, UnmodifiedCimClient, until } from '@cim/testkit';

const HOUR = 3_600_000;
/** 30 s, and what a busy machine takes longer. */
const WITHIN_MS = 40_000;

async function startCluster(t: TestContext, imServers: number): Promise<Cluster & { routeUrl: string }> {
  const cluster = await Cluster.start({ routes: 1, imServers });
  t.after(() => cluster[Symbol.asyncDispose]());
  return Object.assign(cluster, { routeUrl: cluster.routes[0]?.routeUrl ?? '' });
}

async function ask(url: string, session: string, body?: object): Promise<string> {
  const answer = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${session}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return ((await answer.json()) as { code: string }).code;
}

describe('a session that is over', { concurrency: true }, () => {
  test('because of a logout whose kick is lost, opens nothing from then on, and its channel closes within 30 s', async (t) => {
    const cluster = await startCluster(t, 1);
    // This route knows no im-server, so that nobody hears of its kicks.
    const { redis, zooKeeper, routeUrl } = cluster;
    const lonely = await ServerProcess.start('route', {
      CIM_REDIS_URL: redis.url,
      CIM_ZK: `${zooKeeper.address}/elsewhere`,
    });
    t.after(() => lonely[Symbol.asyncDispose]());

    const state = memoryState();
    const client = new CimClient({ routeUrl, userName: 'lea', password: 'correct horse', state });
    t.after(() => client.close());
    let reason: string | undefined;
    client.on('closed', (end) => {
      reason = end.reason;
    });
    await client.connect();
    let session = '';
    await until('the client saves its session', async () => {
      session = (await state.load())?.session ?? '';
      return session !== '';
    });
    const userId = client.user?.userId ?? 0;
    const history = `${routeUrl}/history?userId=${userId}&stream=inbox`;
    assert.equal(await ask(history, session), '9000');

    const loggedOut = performance.now();
    assert.equal(await ask(`${lonely.routeUrl}/offLine`, session, { userId }), '9000');
    assert.equal(client.online, true, 'the kick was lost');
    assert.equal(await ask(history, session), '9100');
    assert.equal(await ask(`${routeUrl}/groupRoute`, session, { userId, msg: 'still me' }), '9100');
    const login = { userId, userName: 'lea', wire: 2, session };
    assert.equal(await ask(`${routeUrl}/login`, session, login), '9100');
    await until('the channel closes', () => reason !== undefined, WITHIN_MS);
    assert.equal(reason, 'logged-out');
    t.diagnostic(`closed after ${Math.round(performance.now() - loggedOut)} ms`);
  });

  test('because its im-server was killed, locks nobody out when Redis comes back with its clock behind', async (t) => {
    const cluster = await startCluster(t, 2);
    const { redis, routeUrl, imServers } = cluster;
    const user = await UnmodifiedCimClient.register(routeUrl, 'ron');
    const place = (await user.logIn()).dataBody as { cimServerPort: number };
    const server = imServers.find(({ tcpPort }) => tcpPort === place.cimServerPort);
    assert.ok(server);
    const channel = await CimConnection.open('127.0.0.1', server.tcpPort);
    channel.logIn(user.userId, 'ron');
    await channel.ping();
    assert.equal((await user.logIn()).code, '5000');

    await server.end();
    await redis.restartWithClockBehind(HOUR);
    const back = performance.now();
    const codes = new Set<string>();
    await until(
      'a login without a secret is placed',
      async () => {
        const { code } = await user.logIn();
        codes.add(code);
        return code === '9000';
      },
      WITHIN_MS,
    );
    assert.ok(codes.has('5000'), 'the lease was believed at first');
    t.diagnostic(`placed after ${Math.round(performance.now() - back)} ms`);
  });
});
