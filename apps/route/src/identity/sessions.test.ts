/** The life of a session secret, and the answers of a route to requests without one. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '@cim/runtime';
import { openEmbeddedStore } from '@cim/store';
import { hash, verify } from '@node-rs/argon2';
import { RunningRoute, type RouteOptions } from '../../test/running-route.ts';
import { V1Client } from '../../test/v1-client.ts';
import { Passwords } from '../passwords.ts';

const DAY_MS = 24 * 3_600_000;
const PASSWORD = 'correct horse';

async function start(t: TestContext, options: RouteOptions = {}): Promise<[RunningRoute, V1Client]> {
  const at = await RunningRoute.start(options);
  t.after(() => at.stop());
  return [at, await V1Client.of(at.route)];
}

/** Starts a route whose store has its own clock. */
async function startAt(t: TestContext, now: () => number): Promise<[RunningRoute, V1Client]> {
  const dir = await mkdtemp(join(tmpdir(), 'cim-lives-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return start(t, { openStore: () => openEmbeddedStore({ dir, logger: silentLogger(), now }) });
}

test('a session is listed with the begin and end of its life, which a login with its secret does not move', async (t) => {
  let age = 29 * DAY_MS;
  const [, v1] = await startAt(t, () => Date.now() - age);
  const { secret, id } = await v1.join('anna', PASSWORD);
  const listed = async (shown: string): Promise<Record<string, string>> =>
    ((await v1.get('/sessions', shown)).body?.['items'] as Record<string, string>[])[0] ?? {};
  const first = await listed(secret);
  const began = Date.parse(first['createdAt'] ?? '');
  assert.ok(Math.abs(began - (Date.now() - age)) < 60_000);
  assert.equal(Date.parse(first['expiresAt'] ?? ''), began + 30 * DAY_MS);
  age = 0;
  const again = await v1.post('/sessions', { id, session: secret });
  assert.equal(again.status, 201);
  assert.equal((await listed(String(again.body?.['secret'])))['createdAt'], first['createdAt']);
});

test('a secret at the end of its life opens nothing, and logs nobody in; the password does', async (t) => {
  let age = 31 * DAY_MS;
  const [at, v1] = await startAt(t, () => Date.now() - age);
  const { secret, id } = await v1.join('bert', PASSWORD);
  const userId = Number(id);
  age = 0;
  const bearer = { authorization: `Bearer ${secret}` };
  const said = await v1.post('/messages', { to: { group: 'lobby' }, texts: ['late'] }, secret);
  assert.deepEqual([said.status, said.body?.['code']], [401, '9504']);
  assert.equal((await at.post('/groupRoute', { userId, msg: 'late' }, bearer)).code, '9504');
  const login = { userId, userName: 'bert', wire: 2, session: secret };
  assert.equal((await at.post('/login', login)).code, '9504');
  const v1Login = await v1.post('/sessions', { id, session: secret });
  assert.deepEqual([v1Login.status, v1Login.body?.['code']], [401, '9504']);
  assert.equal((await at.post('/login', { ...login, password: PASSWORD })).code, '9000');
});

test('the secret of an older, unclaimed login ends by its own life', async (t) => {
  let age = 31 * DAY_MS;
  const [, v1] = await startAt(t, () => Date.now() - age);
  const { secret, id } = await v1.join('cora', PASSWORD);
  age = 0;
  const { status, body } = await v1.post('/sessions', { id, password: PASSWORD });
  assert.equal(status, 201);
  assert.equal((await v1.get('/sessions', secret)).body?.['code'], '9504');
  assert.equal((await v1.get('/sessions', String(body?.['secret']))).status, 200);
});

test('CIM_SESSION_DAYS is the length of the life', async (t) => {
  const [open] = await startAt(t, () => Date.now() - 3 * DAY_MS);
  const { secret } = await (await V1Client.of(open.route)).join('dora', PASSWORD);
  for (const [sessionDays, status] of [
    [2, 401],
    [4, 200],
  ] as const) {
    const [, v1] = await start(t, { config: { sessionDays }, storeFor: () => open.store });
    assert.equal((await v1.get('/sessions', secret)).status, status);
  }
});

test('a login for an unknown account computes as many hashes as a wrong password, and gets the same answer', async (t) => {
  let verified = 0;
  const passwords = new Passwords({
    hash,
    verify: async (...args) => {
      // A text that is not a hash would be rejected at once, without any work.
      const answer = await verify(...args);
      verified++;
      return answer;
    },
  });
  const [at, v1] = await start(t, { passwords, config: { auth: 'password' } });
  const userId = await at.register('emil', PASSWORD);
  const counted = async (ask: () => Promise<unknown>): Promise<unknown> => {
    verified = 0;
    const answer = await ask();
    return { answer, verified };
  };
  const sessions = (body: object) =>
    counted(async () => {
      const { status, body: problem } = await v1.post('/sessions', body);
      return [status, problem];
    });
  const logins = (body: object) =>
    counted(async () => {
      const { status, code, message } = await at.post('/login', { ...body, wire: 2 });
      return [status, code, message];
    });
  const changes = (body: object) =>
    counted(async () => {
      const { status, code, message } = await at.post('/changePassword', body);
      return [status, code, message];
    });
  for (const password of ['wrong horse', undefined]) {
    const wrong = (await sessions({ name: 'emil', password })) as { verified: number };
    assert.equal(wrong.verified, password === undefined ? 0 : 1);
    assert.deepEqual(await sessions({ name: 'nobody-here', password }), wrong);
    assert.deepEqual(await sessions({ id: '777', password }), wrong);
    const wrongLogin = await logins({ userId, userName: 'emil', password });
    assert.deepEqual(await logins({ userId: 777, userName: 'emil', password }), wrongLogin);
    assert.deepEqual(await logins({ userId, userName: 'emily', password }), wrongLogin);
  }
  const change = { password: 'wrong horse', newPassword: 'battery staple' };
  assert.deepEqual(await changes({ userId: 777, ...change }), await changes({ userId, ...change }));
});

test('names, ids and users online are shown to holders of a credential, and under CIM_AUTH=open to everybody', async (t) => {
  const [open, anybody] = await start(t);
  const { secret, id } = await anybody.join('fred', PASSWORD);
  const [strict, v1] = await start(t, { config: { auth: 'password' }, storeFor: () => open.store });
  for (const path of ['/users?name=fred', `/users/${id}`, '/online']) {
    assert.equal((await anybody.get(path)).status, 200, path);
    assert.equal((await v1.get(path)).status, 401, path);
    assert.equal((await v1.get(path, `${secret.slice(1)}A`)).status, 401, path);
    assert.equal((await v1.get(path, secret)).status, 200, path);
  }
  assert.equal((await open.get('/onlineUser')).code, '9000');
  const refused = await strict.get('/onlineUser');
  assert.deepEqual([refused.status, refused.code], [200, '9100']);
  assert.match(refused.message, /Authorization: Bearer/);
  assert.equal((await strict.get('/onlineUser', { authorization: `Bearer ${secret}` })).code, '9000');
});
