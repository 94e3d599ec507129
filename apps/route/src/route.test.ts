/** A route on the embedded store, tested over HTTP. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TimingWheel, TurnFlusher } from '@cim/channel';
import { createMessaging, observe } from '@cim/delivery';
import { createPlacement, openEmbeddedMembership } from '@cim/discovery';
import { type Epoch, groupStream, inboxOf, type InstanceId, LOBBY, type UserId } from '@cim/protocol';
import { RpcClient } from '@cim/rpc';
import { ample, createMetrics, silentLogger } from '@cim/runtime';
import { openEmbeddedStore, type Store } from '@cim/store';
import { quietDoorbell } from '@cim/testkit';
import { type Route, startRoute } from './compose.ts';

const INSTANCE = 'a-test-instance0' as InstanceId;
const logger = silentLogger();
const wheel = new TimingWheel();
const rpc = new RpcClient({ secret: 's', flusher: new TurnFlusher(), wheel, logger });
const membership = openEmbeddedMembership();
const kicked: UserId[] = [];
const doorbell = quietDoorbell(INSTANCE, { kick: (user) => kicked.push(user) });
let dir: string;
let store: Store;
let open: Route;
let strict: Route;

interface Body {
  readonly code: string;
  readonly message: string;
  readonly reqNo: string | null;
  readonly dataBody: unknown;
}

async function start(auth: 'open' | 'password'): Promise<Route> {
  const messaging = createMessaging({ store, membership, rpc, logger });
  const metrics = createMetrics({ program: 'test' });
  messaging.serve(doorbell);
  return startRoute({
    config: {
      host: '127.0.0.1',
      ...{ routePort: 0, internalHost: '127.0.0.1', routeInternalPort: 0, publicPages: [], adminToken: '' },
      ...{ trustedProxies: () => false, advertiseUrl: '' },
      clusterSecret: 's',
      ...{ allowedHosts: [], allowedOrigins: [] },
      sessionPolicy: 'reject',
      maxDevices: 10,
      sessionDays: 30,
      loginRate: 10_000,
      auth,
    },
    store,
    membership,
    placement: createPlacement('round-robin'),
    messaging,
    logger,
    metrics,
    observer: observe(metrics, 'test'),
    maxConnections: 1_000,
    supplies: ample,
  });
}

async function call(
  route: Route,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Body & { readonly status: number; readonly retryAfter: string | null }> {
  const raw = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await fetch(`http://${route.host}:${route.port}${path}`, {
    ...(body === undefined ? {} : { method: 'POST', body: raw }),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
  });
  const parsed = (await answer.json()) as Body;
  assert.deepEqual(Object.keys(parsed).sort(), ['code', 'dataBody', 'message', 'reqNo']);
  return { ...parsed, status: answer.status, retryAfter: answer.headers.get('retry-after') };
}

async function register(userName: string, password?: string): Promise<number> {
  const { dataBody, message } = await call(open, '/registerAccount', {
    userName,
    ...(password === undefined ? {} : { password }),
  });
  assert.ok(dataBody !== null, message);
  return (dataBody as { userId: number }).userId;
}

async function claim(userId: number, epoch: number): Promise<void> {
  const answer = await store.sessions.claim({
    userId: userId as UserId,
    instance: INSTANCE,
    epoch: epoch as Epoch,
    claim: 'a-claim',
  });
  assert.equal(answer.outcome, 'claimed');
}

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cim-route-'));
  store = await openEmbeddedStore({ dir, logger });
  await store.sessions.openLease(INSTANCE);
  await membership.start();
  open = await start('open');
  strict = await start('password');
});

after(async () => {
  await Promise.all([open.stop(), strict.stop()]);
  await rpc.stop();
  await membership.stop();
  await store.stop();
  await rm(dir, { recursive: true, force: true });
});

describe('a route', { concurrency: false }, () => {
  test('is not ready, and places nobody, until an im-server is listed', async () => {
    const ready = () => fetch(`http://${open.host}:${open.port}/readyz`).then((answer) => answer.status);
    const userId = await register('early');
    assert.equal(await ready(), 503);
    assert.equal((await call(open, '/login', { userId, userName: 'early' })).code, '7100');
    await membership.announce({ host: '127.0.0.1', tcpPort: 1, httpPort: 2, instance: INSTANCE });
    assert.equal(await ready(), 200);
    assert.equal((await call(open, '/login', { userId, userName: 'early' })).code, '9000');
  });

  test('answers what is wrong with a request, by field, in the envelope of all answers', async () => {
    const userId = await register('vera');
    const long = 'x'.repeat(8 * 1024 + 1);
    const cases: [string, unknown, RegExp][] = [
      ['/registerAccount', {}, /userName/],
      ['/registerAccount', { userName: null }, /userName/],
      ['/registerAccount', { userName: 7 }, /userName/],
      ['/registerAccount', { userName: '' }, /userName.*1 to 32/],
      ['/registerAccount', { userName: 'x'.repeat(33) }, /33 characters/],
      ['/registerAccount', { userName: 'cim-route:1' }, /letters, digits/],
      ['/registerAccount', '{"userName":', /not JSON/],
      ['/registerAccount', '', /./],
      ['/registerAccount', '[]', /object/],
      ['/registerAccount', `{"userName":"${'x'.repeat(300_000)}"}`, /256 KiB/],
      ['/login', { userName: 'vera' }, /userId/],
      ['/login', { userId: -1, userName: 'vera' }, /userId/],
      ['/login', { userId: 2 ** 53, userName: 'vera' }, /userId/],
      ['/p2pRoute', { userId, receiveUserId: 'bob', msg: 'x' }, /receiveUserId/],
      ['/p2pRoute', { userId, receiveUserId: userId }, /msg/],
      ['/p2pRoute', { userId, receiveUserId: userId, msg: '' }, /empty/],
      ['/p2pRoute', { userId, receiveUserId: userId, msg: long }, /8193 bytes/],
      ['/p2pRoute', { userId, receiveUserId: userId, batchMsg: Array(101).fill('x') }, /101 texts/],
      ['/p2pRoute', { userId, receiveUserId: userId, batchMsg: [7] }, /batchMsg/],
      ['/groupRoute', { userId, msg: 7 }, /msg/],
      ['/onlineUser?limit=x', undefined, /limit/],
      ['/nowhere', {}, /there is no POST \/nowhere/],
      ['/%zz', undefined, /./],
    ];
    for (const [path, body, message] of cases) {
      const answer = await call(open, path, body);
      assert.equal(answer.code, '3000', path);
      assert.match(answer.message, message);
    }
    const form = await call(open, '/registerAccount', '{"userName":"x"}', { 'content-type': 'text/plain' });
    assert.match(form.message, /Content-Type/);
  });

  test('accepts requests of CIM clients: nulls, unknown fields, a request number to echo', async () => {
    const answer = await call(open, '/registerAccount', {
      userName: 'wanda',
      reqNo: 'r-1',
      timeStamp: 7,
      extra: {},
      password: null,
    });
    assert.deepEqual([answer.code, answer.reqNo], ['9000', 'r-1']);
    const hostile = await call(open, '/registerAccount', '{"userName":"walt","constructor":{"prototype":1}}');
    assert.ok(['9000', '3000'].includes(hostile.code));
    for (const name of ['login-status', 'toString', 'constructor']) assert.ok((await register(name)) > 0);
  });

  test('a name is one account whatever its case, in every script', async () => {
    assert.equal(await register('Ünïté'), await register('ÜNÏTÉ'));
    assert.notEqual(await register('李雷'), await register('韩梅梅'));
  });

  test('an account with a password opens only with it', async () => {
    const userId = await register('xaver', 'secret-x');
    const other = await register('yara');
    assert.equal((await call(open, '/registerAccount', { userName: 'Xaver' })).code, '9100');
    assert.equal(
      (await call(open, '/registerAccount', { userName: 'xaver', password: 'wrong' })).code,
      '9100',
    );
    assert.equal(await register('xaver', 'secret-x'), userId);
    const login = { userId, userName: 'xaver', wire: 2 };
    assert.equal((await call(open, '/login', login)).code, '9100');
    assert.equal((await call(open, '/login', { ...login, password: 'wrong' })).code, '9100');
    const { code, dataBody } = await call(open, '/login', { ...login, password: 'secret-x' });
    assert.equal(code, '9000');
    const { session, ticket } = dataBody as { session: string; ticket: string };
    assert.ok(session.length >= 43 && ticket.length > 0);

    const acts: [string, object][] = [
      ['/p2pRoute', { userId, receiveUserId: other, msg: 'x' }],
      ['/groupRoute', { userId, msg: 'x' }],
      ['/fetchOfflineMsgs', { receiveUserId: userId }],
      ['/offLine', { userId }],
    ];
    for (const [path, body] of acts) {
      assert.equal((await call(open, path, body)).code, '9100', path);
      assert.equal((await call(open, path, body, { authorization: 'Bearer wrong' })).code, '9100', path);
    }
    for (const [path, body] of acts)
      assert.notEqual(
        (await call(open, path, body, { authorization: `Bearer ${session}` })).code,
        '9100',
        path,
      );
  });

  test('a session secret logs in without a password, until the next session is claimed', async () => {
    const userId = await register('zita', 'secret-x');
    const login = { userId, userName: 'zita', wire: 2 };
    const first = (await call(open, '/login', { ...login, password: 'secret-x' })).dataBody as {
      session: string;
      epoch: number;
    };
    assert.equal((await call(open, '/login', { ...login, password: 'secret-x' })).code, '5000');
    const again = await call(open, '/login', { ...login, session: first.session });
    assert.equal(again.code, '9000');
    assert.equal((again.dataBody as { epoch: number }).epoch, first.epoch + 1);
    // The answer may have been lost, so that the client has only the first secret.
    const third = await call(open, '/login', { ...login, session: first.session });
    assert.equal(third.code, '9000');
    await claim(userId, (third.dataBody as { epoch: number }).epoch);
    assert.equal((await call(open, '/login', { ...login, session: first.session })).code, '9100');
  });

  test('with CIM_AUTH=password an account without one can be neither made nor used', async () => {
    const userId = await register('trusting');
    assert.equal((await call(strict, '/registerAccount', { userName: 'new-one' })).code, '3000');
    assert.equal((await call(strict, '/login', { userId, userName: 'trusting' })).code, '9100');
    assert.equal((await call(strict, '/groupRoute', { userId, msg: 'x' })).code, '9100');
    assert.equal(
      (await call(strict, '/registerAccount', { userName: 'new-one', password: 'password' })).code,
      '9000',
    );
  });

  test('the same Idempotency-Key stores once on all routes; with another text it is refused', async () => {
    const [from, to] = [await register('ken'), await register('kim')];
    const body = { userId: from, receiveUserId: to, msg: 'once' };
    const key = { 'idempotency-key': 'order-7' };
    for (const route of [open, open]) assert.equal((await call(route, '/p2pRoute', body, key)).code, '7000');
    assert.equal((await call(open, '/p2pRoute', { ...body, msg: 'other' }, key)).code, '3000');
    const top = async () => (await store.streams.position(inboxOf(to as UserId))).top;
    assert.equal(await top(), 1);
    assert.equal((await call(open, '/p2pRoute', body)).code, '7000');
    assert.equal(await top(), 2);
    assert.equal((await call(open, '/p2pRoute', body, { 'idempotency-key': 'x'.repeat(256) })).code, '3000');
  });

  test('a group message is one entry, and an unknown sender is refused', async () => {
    const userId = await register('gus');
    const before = (await store.streams.position(groupStream(LOBBY))).top;
    assert.equal((await call(open, '/groupRoute', { userId, msg: 'all' })).code, '9000');
    assert.equal((await store.streams.position(groupStream(LOBBY))).top, before + 1);
    assert.equal((await call(open, '/groupRoute', { userId: 999_999, msg: 'all' })).code, '9100');
    assert.equal((await call(open, '/p2pRoute', { userId, receiveUserId: 999_999, msg: 'x' })).code, '9100');
    assert.equal((await call(open, '/login', { userId, userName: 'somebody' })).code, '9100');
    assert.equal((await call(open, '/offLine', { userId: 999_999 })).code, '9100');
  });

  test('/offLine ends the present session and closes its channel', async () => {
    const userId = await register('olaf');
    assert.equal((await call(open, '/login', { userId, userName: 'olaf' })).code, '9000');
    assert.equal((await call(open, '/login', { userId, userName: 'olaf' })).code, '5000');
    assert.equal((await call(open, '/offLine', { userId, msg: 'bye' })).code, '9000');
    assert.ok(kicked.includes(userId as UserId));
    assert.equal((await call(open, '/login', { userId, userName: 'olaf' })).code, '9000');
  });

  test('a logout that shows the secret of an older session changes nothing of the newer one', async () => {
    const userId = await register('late');
    const login = { userId, userName: 'late', wire: 2 };
    const old = (await call(open, '/login', login)).dataBody as { session: string };
    await call(open, '/login', { ...login, session: old.session });
    const headers = { authorization: `Bearer ${old.session}` };
    assert.equal((await call(open, '/offLine', { userId }, headers)).code, '9000');
    assert.equal((await call(open, '/login', { userId, userName: 'late' })).code, '5000');
  });

  test('a logout with the secret of the live session ends that session, and not an unclaimed login', async () => {
    const userId = await register('both');
    const login = { userId, userName: 'both', wire: 2 };
    const live = (await call(open, '/login', login)).dataBody as { session: string; epoch: number };
    await claim(userId, live.epoch);
    const next = (await call(open, '/login', { ...login, session: live.session })).dataBody as {
      session: string;
      epoch: number;
    };
    const logOut = (session: string) =>
      call(open, '/offLine', { userId }, { authorization: `Bearer ${session}` });
    assert.equal((await logOut(live.session)).code, '9000');
    assert.ok(kicked.includes(userId as UserId));
    assert.deepEqual(await store.sessions.locate(userId as UserId), []);
    await claim(userId, next.epoch);
    assert.equal((await logOut(next.session)).code, '9000');
    assert.equal((await call(open, '/login', login)).code, '9000');
  });

  test('no shape of an answer is a choice: its first answer would compile a validator, and hold the event loop', async () => {
    const { paths } = (await (await fetch(`${open.internal.url}/documentation/json`)).json()) as {
      paths: Record<string, Record<string, { responses: object }>>;
    };
    const answers = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { responses }]) => [`${method} ${path}`, responses] as const),
    );
    assert.ok(answers.length > 20);
    for (const [operation, responses] of answers)
      assert.doesNotMatch(JSON.stringify(responses), /"(anyOf|oneOf|allOf|if)":/, operation);
  });

  test('its documentation lists every path, and its metrics count answers by code', async () => {
    const { url } = open.internal;
    const { paths } = (await (await fetch(`${url}/documentation/json`)).json()) as {
      paths: Record<string, unknown>;
    };
    const wanted = [
      '/registerAccount',
      '/login',
      '/offLine',
      '/p2pRoute',
      '/groupRoute',
      '/fetchOfflineMsgs',
      '/onlineUser',
    ];
    for (const path of wanted) assert.ok(path in paths, path);
    assert.match(
      await (await fetch(`${url}/metrics`)).text(),
      /cim_route_answers_total\{.*code="3000".*\} \d+/,
    );
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
  });
});
