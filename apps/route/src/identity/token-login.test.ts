/** Users who log in with tokens (CIM_AUTH=jwt), on a route with its own store. */
import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import type { GroupId, UserId } from '@cim/protocol';
import { RunningRoute, type RouteOptions } from '../../test/running-route.ts';
import { seconds, Signer } from '../../test/signer.ts';
import { V1Client } from '../../test/v1-client.ts';
import type { RouteConfig, TokenConfig } from '../config.ts';

const signer = new Signer('ES256');
const config = (jwt: Partial<TokenConfig> = {}): Partial<RouteConfig> => ({
  auth: 'jwt',
  sessionPolicy: 'devices',
  jwt: {
    ...{ jwtKey: signer.publicText, jwtJwksUrl: '', jwtAlgorithms: [], jwtIssuer: '', jwtAudience: '' },
    ...{ jwtGroups: [] },
    ...jwt,
  },
});

async function start(t: TestContext, options: RouteOptions): Promise<[RunningRoute, V1Client]> {
  const at = await RunningRoute.start(options);
  t.after(() => at.stop());
  return [at, await V1Client.of(at.route)];
}

let subjects = 0;
const newSubject = (): string => `sub-${++subjects}`;

describe('under CIM_AUTH=jwt', { concurrency: false }, () => {
  let at: RunningRoute;
  let v1: V1Client;
  before(async () => {
    at = await RunningRoute.start({ config: config() });
    v1 = await V1Client.of(at.route);
  });
  after(() => at.stop());

  const logIn = async (token: string, device = 'a-device-of-the-tests') => {
    const { status, body } = await v1.post('/sessions', { token, device });
    return { status, code: body?.['code'], detail: String(body?.['detail']), ...body };
  };

  test('the first token makes an account with an ordinary id, and later tokens get the same account', async () => {
    const token = await signer.sign({ sub: newSubject(), name: 'Änne' });
    const { status, body } = await v1.post('/sessions', { token, device: 'a-device-of-the-tests' });
    assert.equal(status, 201);
    const { secret, user } = body as { secret: string; user: { id: string; name: string } };
    assert.match(user.id, /^1\d{3}$/);
    assert.equal(user.name, 'Änne');
    const sent = await v1.post('/messages', { to: { group: 'lobby' }, texts: ['hi'] }, secret);
    assert.equal(sent.status, 201);
    const again = await v1.post('/sessions', { token, device: 'another-device-of-tests' });
    assert.deepEqual(again.body?.['user'], user);
    const replaced = await v1.post('/sessions', {
      id: user.id,
      session: secret,
      device: 'a-device-of-the-tests',
    });
    assert.equal(replaced.status, 201);
  });

  test('a token is a credential of `/v1` by itself, without a login', async () => {
    const token = await signer.sign({ sub: newSubject(), name: 'bert' });
    const sent = await v1.post('/messages', { to: { group: 'lobby' }, texts: ['hi'] }, token);
    assert.equal(sent.status, 201);
    assert.deepEqual((await v1.get('/sessions', token)).body, { items: [] });
    const found = await v1.get('/users?name=bert', token);
    assert.equal(found.status, 200);
    const old = await signer.sign({ sub: newSubject(), name: 'bart', exp: seconds() - 61 });
    const refused = await v1.get('/conversations', old);
    assert.deepEqual([refused.status, refused.body?.['code']], [401, '9504']);
    const forged = await new Signer('ES256').sign({ sub: newSubject(), name: 'bart' });
    const none = await v1.get('/conversations', forged);
    assert.deepEqual([none.status, none.body?.['code']], [401, '9100']);
    assert.equal((await v1.get('/users?name=bart', token)).status, 404, 'it made no account');
  });

  test("CIM's paths take tokens for their own user only, and logins on our own wire only", async () => {
    const token = await signer.sign({ sub: newSubject(), name: 'cora' });
    const registered = await at.post('/registerAccount', { userName: 'ignored', token });
    const { userId, userName } = registered.dataBody as { userId: UserId; userName: string };
    assert.equal(userName, 'cora');
    const login = { userId, userName, token };
    const placed = await at.post('/login', { ...login, wire: 2 });
    assert.equal(placed.code, '9000');
    const cim = await at.post('/login', login);
    assert.deepEqual([cim.code, /"wire": 2/.test(cim.message)], ['9100', true]);
    const bearer = { authorization: `Bearer ${token}` };
    assert.equal((await at.post('/groupRoute', { userId, msg: 'x' }, bearer)).code, '9000');
    assert.equal((await at.post('/groupRoute', { userId, msg: 'x' })).code, '9100');
    const other = await signer.sign({ sub: newSubject(), name: 'carl' });
    const theirs = { authorization: `Bearer ${other}` };
    assert.equal((await at.post('/groupRoute', { userId, msg: 'x' }, theirs)).code, '9100');
    assert.equal((await at.post('/login', { ...login, token: other, wire: 2 })).code, '9100');
    assert.equal((await at.post('/offLine', { userId, msg: '' }, bearer)).code, '9000');
    const { session } = placed.dataBody as { session: string };
    assert.equal((await v1.get('/sessions', session)).status, 401);
  });

  test('nobody logs in without a token: not by name, by password or with another kind of account', async (t) => {
    const [, open] = await start(t, { storeFor: () => at.store });
    const dora = await open.join('dora', 'correct horse');
    const emil = await open.join('emil');
    for (const { id, name, secret } of [dora, emil]) {
      assert.equal((await v1.get('/sessions', secret)).status, 401);
      for (const login of [{ id, password: 'correct horse' }, { name }, { id, session: secret }])
        assert.equal((await v1.post('/sessions', login)).status, 401);
    }
    const registered = await v1.post('/accounts', { name: 'fritz', password: 'correct horse' });
    assert.deepEqual([registered.status, registered.body?.['code']], [403, '9503']);
    assert.equal((await at.post('/registerAccount', { userName: 'fritz' })).code, '9503');
    assert.equal((await at.get('/onlineUser')).code, '9100');
  });

  test('the account of a token is protected also where CIM_AUTH is open', async (t) => {
    const [route, open] = await start(t, { storeFor: () => at.store });
    const token = await signer.sign({ sub: newSubject(), name: 'gina' });
    assert.equal((await v1.post('/accounts', { token })).body?.['name'], 'gina');
    const userId = Number((await open.get('/users?name=gina')).body?.['id']);
    assert.equal((await open.post('/sessions', { name: 'gina' })).status, 401);
    assert.equal((await route.post('/login', { userId, userName: 'gina' })).code, '9100');
    assert.equal((await route.post('/groupRoute', { userId, msg: 'x' })).code, '9100');
    const withToken = await open.post('/sessions', { token });
    assert.deepEqual([withToken.status, withToken.body?.['code']], [400, '3000']);
    assert.match(String(withToken.body?.['detail']), /takes no tokens/);
  });

  test('the rules of names apply, and the name of another account is refused in one line', async () => {
    const first = (claims: object) => signer.sign({ sub: newSubject(), ...claims }).then(logIn);
    for (const [claims, text] of [
      [{}, /needs the claim "name"/],
      [{ name: 'admin' }, /reserved/],
      [{ name: 'a b' }, /letters, digits/],
      [{ name: '123' }, /is a number/],
      [{ name: 'x'.repeat(40) }, /at most 32/],
    ] as const) {
      const { status, code, detail } = await first(claims);
      assert.deepEqual([status, code], [400, '3000'], detail);
      assert.match(detail, text);
    }
    assert.equal((await first({ name: 'hanna' })).status, 201);
    const taken = await first({ name: 'HANNA' });
    assert.deepEqual([taken.status, taken.code], [400, '3000']);
    assert.match(taken.detail, /"HANNA", is that of another account/);
    assert.match((await first({ name: 'hаnna' })).detail, /looks like "hanna"/);
  });

  test('the next login takes over a changed name, and the old one becomes free', async () => {
    const sub = newSubject();
    const before = await logIn(await signer.sign({ sub, name: 'ines' }));
    const after = await logIn(await signer.sign({ sub, name: 'Ines-Marie' }));
    assert.deepEqual((after as { user?: object }).user, {
      id: (before as unknown as { user: { id: string } }).user.id,
      name: 'Ines-Marie',
    });
    // A request does not change the name: two tokens with two names would rename the account to and fro.
    const old = await signer.sign({ sub, name: 'ines' });
    assert.equal((await v1.get('/users?name=ines-marie', old)).status, 200);
    assert.equal((await v1.get('/users?name=ines', old)).status, 404);
    assert.equal((await logIn(await signer.sign({ sub }))).status, 201, 'a later token needs no name');
    await logIn(await signer.sign({ sub: newSubject(), name: 'ines' }));
    const refused = await logIn(await signer.sign({ sub, name: 'ines' }));
    assert.deepEqual([refused.status, refused.code], [400, '3000']);
    assert.match(refused.detail, /"ines" is taken by another account/);
  });

  test('a session at the end of its life is answered so, and the token begins a new one', async (t) => {
    const token = await signer.sign({ sub: newSubject(), name: 'jana' });
    const device = 'a-device-of-the-tests';
    const { secret, user } = (await v1.post('/sessions', { token, device })).body as {
      secret: string;
      user: { id: string };
    };
    // The state after 31 days: the setting of the route decides the length of the life.
    const [, later] = await start(t, { config: { ...config(), sessionDays: 0 }, storeFor: () => at.store });
    const ended = await later.post('/sessions', { id: user.id, session: secret, device });
    assert.deepEqual([ended.status, ended.body?.['code']], [401, '9504']);
    assert.equal((await later.post('/sessions', { token, session: secret, device })).status, 201);
  });

  test('a token stands alone: not together with a name, and not longer than 8 KiB', async () => {
    const token = await signer.sign({ sub: newSubject(), name: 'kurt' });
    assert.equal((await v1.post('/sessions', { token, name: 'kurt' })).status, 400);
    assert.equal((await v1.post('/sessions', { token: 'x'.repeat(9_000) })).status, 400);
    assert.equal((await v1.post('/sessions', { token: 'x'.repeat(1_000_000) })).status, 413);
    const header = await fetch(`${at.route.url}/v1/conversations`, {
      headers: { authorization: `Bearer ${'x'.repeat(12_000)}` },
    });
    assert.equal(header.status, 401);
    assert.equal((await v1.get('/conversations', 'a.b.c')).status, 401);
  });
});

test('a token opens open groups and those that the operator has listed, and no others', async (t) => {
  const owner = new Signer('HS256');
  const jwt = { jwtKey: owner.publicText };
  const [at, v1] = await start(t, { config: config(jwt) });
  const boss = await owner.sign({ sub: 'boss', name: 'boss' });
  const group = async (name: string, join: 'open' | 'invite'): Promise<string> =>
    String((await v1.post('/groups', { name, join }, boss)).body?.['id']);
  const [open, closed, listed] = [
    await group('open', 'open'),
    await group('closed', 'invite'),
    await group('listed', 'invite'),
  ];
  const [, mapped] = await start(t, {
    config: config({ ...jwt, jwtGroups: [['engineering', listed]] }),
    storeFor: () => at.store,
  });
  const groups = [open, closed, 'engineering', '999999', 'lobby', 'no such', '__proto__', '', listed];
  const token = await owner.sign({ sub: 'new', name: 'newcomer', groups });
  const { status, body } = await mapped.post('/sessions', { token });
  assert.equal(status, 201);
  const { user } = body as { user: { id: string } };
  const isMember = async (id: string): Promise<boolean> =>
    (await at.store.groups.member(id as GroupId, Number(user.id) as UserId)) !== undefined;
  assert.deepEqual(await Promise.all([open, closed, listed].map(isMember)), [true, false, true]);
  // A user who is a member already keeps its role.
  await v1.ask('PATCH', `/groups/${listed}/members/${user.id}`, { role: 'admin' }, boss);
  assert.equal((await mapped.post('/sessions', { token, session: body?.['secret'] })).status, 201);
  assert.equal((await at.store.groups.member(listed as GroupId, Number(user.id) as UserId))?.role, 'admin');
  // A group of the token that no longer exists does not prevent the login.
  await v1.ask('DELETE', `/groups/${listed}`, undefined, boss);
  const late = await owner.sign({ sub: 'late', name: 'latecomer', groups: ['engineering', open] });
  assert.equal((await mapped.post('/sessions', { token: late })).status, 201);
  const account = await at.store.accounts.byName('latecomer');
  assert.ok(account !== undefined && (await at.store.groups.member(open as GroupId, account.userId)));
});

test('a route with wrong token settings does not start, and names the setting', async () => {
  await assert.rejects(
    RunningRoute.start({ config: config({ jwtKey: 'short' }) }),
    /^Error: CIM_JWT_KEY has 5 bytes[^\n]*$/,
  );
});
