/** API keys: made by the admin API, shown to a route, revoked and replaced while the route runs. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inboxOf, type Seq, type UserId } from '@cim/protocol';
import { SCOPES } from '@cim/store';
import { until } from '@cim/testkit';
import { RunningRoute } from '../../test/running-route.ts';
import { V1Client } from '../../test/v1-client.ts';

const ADMIN_TOKEN = 'an admin token of the tests: long';

interface Made {
  readonly id: string;
  readonly key: string;
  readonly prefix: string;
  readonly user?: { readonly id: string; readonly name: string };
  readonly createdAt: string;
  readonly expiresAt?: string;
  readonly usedAt?: string;
}

describe('API keys', { concurrency: false }, () => {
  let at: RunningRoute;
  let v1: V1Client;
  let alice: { id: string; secret: string };
  let bob: { id: string; secret: string };
  before(async () => {
    at = await RunningRoute.start({ config: { auth: 'password', adminToken: ADMIN_TOKEN } });
    v1 = await V1Client.of(at.route);
    alice = await v1.join('alice', 'correct horse');
    bob = await v1.join('bob', 'correct horse');
  });
  after(() => at.stop());

  const admin = async (method: string, path: string, body?: unknown, credential = ADMIN_TOKEN) => {
    const answer = await fetch(`${at.route.internal.url}/admin${path}`, {
      method,
      headers: {
        authorization: `Bearer ${credential}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
  };
  const make = async (body: object): Promise<Made> => {
    const answer = await admin('POST', '/api-keys', { label: 'a shop', ...body });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body as unknown as Made;
  };
  const send = (key: string, from?: string) =>
    v1.post(
      '/messages',
      { to: { user: bob.id }, texts: ['order 66'] },
      key,
      from === undefined ? {} : { 'x-cim-from': from },
    );

  test('a key is shown once; the store and the list have only its hash and its prefix', async () => {
    const made = await make({ scopes: ['send'] });
    assert.match(made.key, /^cim_[A-Za-z0-9_-]{12}_[A-Za-z0-9_-]{43}$/);
    assert.ok(made.key.startsWith(`${made.prefix}_`));
    const { body } = await admin('GET', '/api-keys');
    const listed = (body['items'] as Made[]).find(({ id }) => id === made.id);
    const { key, ...rest } = made;
    assert.deepEqual(listed, rest, 'all but the key');
    const kept = JSON.stringify(await at.store.apiKeys.find(made.id));
    assert.ok(!kept.includes(key.slice(-43)));
  });

  test('a key sends as any user named by a header, or as one system account', async () => {
    const any = await make({ scopes: ['send'] });
    assert.equal((await send(any.key, alice.id)).status, 201);
    const [entry] = await at.store.streams.read(inboxOf(Number(bob.id) as UserId), 1 as Seq, 1);
    assert.equal(entry?.sender.userName, 'alice');
    for (const [from, status, code] of [
      [undefined, 400, '3000'],
      ['x', 400, '3000'],
      ['0', 400, '3000'],
      ['9999', 404, '9100'],
    ] as const) {
      const refused = await send(any.key, from);
      assert.deepEqual([refused.status, refused.body?.['code']], [status, code]);
    }
    const bot = await make({ scopes: ['send'], name: 'billing' });
    assert.equal(bot.user?.name, 'billing');
    assert.equal((await send(bot.key)).status, 201);
    assert.equal((await send(bot.key, bot.user.id)).status, 201);
    const other = await send(bot.key, alice.id);
    assert.deepEqual([other.status, other.body?.['code']], [403, '9503']);
    // The account of a bot has no password, and nobody can log in by its name.
    assert.equal((await v1.post('/sessions', { name: 'billing' })).status, 401);
    const [one, two] = [
      await make({ scopes: ['send'], name: 'BILLING' }),
      await make({ scopes: ['send'], user: bob.id }),
    ];
    assert.deepEqual([one.user?.id, two.user?.name], [bot.user.id, 'bob']);
  });

  test('each documented operation accepts the scopes that it names, and no others', async () => {
    const keys = new Map<string, string>();
    for (const scope of SCOPES) keys.set(scope, (await make({ scopes: [scope], user: alice.id })).key);
    const operations = Object.entries(v1.document.paths).flatMap(([path, methods]) =>
      path.startsWith('/v1/')
        ? Object.entries(methods).map(([method, { security = [] }]) => ({
            path,
            method: method.toUpperCase(),
            security,
          }))
        : [],
    );
    let asked = 0;
    for (const { path, method, security } of operations) {
      const named = security.find((one) => 'apiKey' in one) as { apiKey: string[] } | undefined;
      if (security.length === 0) continue;
      const real = path
        .replace('{id}', path.includes('conversations') ? `u${bob.id}` : '1001')
        .replace(/\{\w+\}/g, '1001');
      for (const [scope, key] of keys) {
        const answer = await fetch(at.route.url + real, {
          method,
          headers: { authorization: `Bearer ${key}` },
        });
        const { code } = JSON.parse((await answer.text()) || '{}') as { code?: string };
        const may = named !== undefined && (named.apiKey.length === 0 || named.apiKey.includes(scope));
        assert.equal(
          code === '9503',
          !may,
          `${method} ${path} with ${scope}: ${answer.status} ${String(code)}`,
        );
        asked++;
      }
    }
    assert.ok(asked >= 60, `${asked} were asked`);
  });

  test("CIM's paths accept keys by the same scopes", async () => {
    const userId = Number(alice.id);
    const bearer = async (scopes: string[], user?: string) => ({
      authorization: `Bearer ${(await make({ scopes, ...(user === undefined ? {} : { user }) })).key}`,
    });
    const body = { userId, receiveUserId: Number(bob.id), msg: 'x' };
    assert.equal((await at.post('/p2pRoute', body, await bearer(['send']))).code, '7000');
    assert.equal((await at.post('/p2pRoute', body, await bearer(['read']))).code, '9503');
    assert.equal((await at.post('/p2pRoute', body, await bearer(['send'], bob.id))).code, '9503');
    assert.equal(
      (await at.get(`/history?userId=${userId}&stream=inbox`, await bearer(['read']))).code,
      '9000',
    );
    assert.equal(
      (await at.get(`/history?userId=${userId}&stream=inbox`, await bearer(['send']))).code,
      '9503',
    );
    assert.equal((await at.post('/offLine', { userId, msg: '' }, await bearer([...SCOPES]))).code, '9503');
    assert.equal((await at.get('/onlineUser', await bearer(['groups']))).code, '9000');
  });

  test('a revoked key opens nothing from the next request on, on every route', async (t) => {
    const other = await RunningRoute.start({ config: { auth: 'password' }, storeFor: () => at.store });
    t.after(() => other.stop());
    const there = await V1Client.of(other.route);
    const { id, key } = await make({ scopes: ['read'], user: alice.id });
    for (const client of [v1, there]) assert.equal((await client.get('/conversations', key)).status, 200);
    assert.equal((await admin('DELETE', `/api-keys/${id}`)).status, 204);
    for (const client of [v1, there]) {
      const refused = await client.get('/conversations', key);
      assert.deepEqual([refused.status, refused.body?.['code']], [401, '9100']);
    }
    assert.equal((await admin('DELETE', `/api-keys/${id}`)).status, 404);
  });

  test('a key is replaced without a gap: both are valid until the old one ends', async () => {
    const old = await make({ scopes: ['read'], user: alice.id, days: 90 });
    const rotated = await admin('POST', `/api-keys/${old.id}/rotate`, { overlapHours: 1 });
    assert.equal(rotated.status, 201);
    const next = rotated.body as unknown as Made;
    assert.notEqual(next.key, old.key);
    assert.deepEqual(
      [next.user, Date.parse(next.expiresAt ?? '') - Date.parse(next.createdAt) > 89 * 86_400_000],
      [old.user, true],
    );
    for (const { key } of [old, next]) assert.equal((await v1.get('/conversations', key)).status, 200);
    const ends = ((await admin('GET', '/api-keys')).body['items'] as Made[]).find(({ id }) => id === old.id);
    assert.ok(Math.abs(Date.parse(ends?.expiresAt ?? '') - Date.now() - 3_600_000) < 60_000);
    await admin('POST', `/api-keys/${old.id}/rotate`, { overlapHours: 0 });
    const ended = await v1.get('/conversations', old.key);
    assert.deepEqual([ended.status, ended.body?.['code']], [401, '9504']);
    assert.equal((await v1.get('/conversations', next.key)).status, 200);
    assert.equal((await admin('POST', '/api-keys/nobody-made-1/rotate', {})).status, 404);
  });

  test('the use of a key is noted, but not at each request', async () => {
    const { id, key } = await make({ scopes: ['read'], user: alice.id });
    const usedAt = async (): Promise<number | undefined> => (await at.store.apiKeys.find(id))?.usedAt;
    assert.equal(await usedAt(), undefined);
    await v1.get('/conversations', key);
    let first: number | undefined;
    await until('its use is noted', async () => (first = await usedAt()) !== undefined);
    for (let i = 0; i < 5; i++) await v1.get('/conversations', key);
    assert.equal(await usedAt(), first);
  });

  test('an invalid key opens nothing: another secret, another id, parts of a key', async () => {
    const { key, id } = await make({ scopes: ['read'], user: alice.id });
    const other = await make({ scopes: ['read'], user: alice.id });
    for (const wrong of [
      key.slice(0, -1),
      `${key}A`,
      `${key.slice(0, -4)}AAAA`,
      `cim_${id}_`,
      `cim_${id}_${other.key.slice(-43)}`,
      `cim_${'A'.repeat(12)}_${key.slice(-43)}`,
      'cim_',
      key.toUpperCase(),
    ]) {
      const { status } = await v1.get('/conversations', wrong);
      assert.equal(status, 401, wrong);
    }
  });

  test('the admin API accepts its token, and keys with the scope `admin`', async () => {
    const { key } = await make({ scopes: ['admin'] });
    assert.equal((await admin('GET', '/api-keys', undefined, key)).status, 200);
    assert.equal((await admin('GET', '/servers', undefined, key)).status, 200);
    const { key: weak } = await make({ scopes: ['send', 'read', 'groups'] });
    assert.equal((await admin('GET', '/api-keys', undefined, weak)).status, 403);
    for (const wrong of ['', 'x', `${ADMIN_TOKEN}x`, alice.secret, `${key}A`])
      assert.equal((await admin('GET', '/api-keys', undefined, wrong)).status, 401, wrong);
  });

  test('a wrong request makes no key, and its answer says what was wrong', async () => {
    const before = (await at.store.apiKeys.list()).length;
    for (const [body, text] of [
      [{}, /label/],
      [{ label: '', scopes: ['send'] }, /label/],
      [{ label: 'a\nb', scopes: ['send'] }, /label/],
      [{ label: 'x', scopes: [] }, /scopes must be a list of send, read, groups, admin/],
      [{ label: 'x', scopes: ['root'] }, /scopes/],
      [{ label: 'x', scopes: 'send' }, /scopes/],
      [{ label: 'x', scopes: ['send'], days: 0 }, /days must be a whole number/],
      [{ label: 'x', scopes: ['send'], user: 'x' }, /user id/],
      [{ label: 'x', scopes: ['send'], user: '99999' }, /no such user/],
      [{ label: 'x', scopes: ['send'], name: 'a b' }, /letters/],
      [{ label: 'x', scopes: ['send'], name: 'a', user: '1' }, /one of them/],
      [[], /JSON object/],
    ] as const) {
      const { status, body: answer } = await admin('POST', '/api-keys', body);
      assert.ok(status === 400 || status === 404, JSON.stringify(answer));
      assert.match(String(answer['detail']), text);
    }
    assert.equal((await at.store.apiKeys.list()).length, before);
  });
});
