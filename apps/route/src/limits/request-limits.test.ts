import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inboxOf, type UserId } from '@cim/protocol';
import { ample, defaultLimits, networks, silentLogger } from '@cim/runtime';
import type { Limits } from '@cim/store';
import { RunningRoute } from '../../test/running-route.ts';
import type { RouteConfig } from '../config.ts';
import { RequestLimits } from './request-limits.ts';

const TWO = { tokens: 1, intervalMs: 600_000, burst: 2 };
const nobody = networks('none');
/** Suspensions under which nobody is suspended. */
const suspensions = { ask: () => 0, offence: () => undefined };
const retryAfter = ({ headers }: { headers: Headers }): number => Number(headers.get('retry-after'));

describe('limits of the clients’ port', () => {
  test('logins, registrations and wrong passwords of one address are limited, each by its own name', async () => {
    const limits = { ...defaultLimits, register: TWO, failedLogin: TWO };
    await using at = await startWith({ allowList: nobody, limits, auth: 'password' });
    const userId = await at.register('alice', 'correct horse');
    await at.register('bob', 'correct horse');
    const third = await at.post('/registerAccount', { userName: 'carol', password: 'correct horse' });
    assert.deepEqual([third.status, third.code], [503, '6000']);
    assert.match(third.message, /registrations \(limit register\); try again in \d+ s/);
    assert.ok(retryAfter(third) > 500 && retryAfter(third) <= 600);

    const logIn = (password: string) =>
      at.post('/login', { userId, userName: 'alice', password, wire: 2, device: 'a-device-of-alice' });
    for (let i = 0; i < 2; i++) assert.equal((await logIn('wrong horse')).code, '9100');
    const refused = await logIn('correct horse');
    assert.deepEqual([refused.status, refused.code], [503, '6000']);
    assert.match(refused.message, /limit failedLogin/);
  });

  test('wrong passwords for one user leave the other users of the address alone', async () => {
    const limits = { ...defaultLimits, failedLoginOfUser: TWO };
    await using at = await startWith({ allowList: nobody, limits });
    const ids = [await at.register('alice', 'correct horse'), await at.register('bob', 'correct horse')];
    const logIn = async (i: number, password: string): Promise<string> =>
      (await at.post('/login', { userId: ids[i], userName: ['alice', 'bob'][i], password, wire: 2 })).code;
    for (let i = 0; i < 2; i++) assert.equal(await logIn(0, 'wrong horse'), '9100');
    assert.equal(await logIn(0, 'correct horse'), '6000');
    assert.equal(await logIn(1, 'correct horse'), '9000');
  });

  test('a change of the password counts each wrong password that it brings', async () => {
    const limits = { ...defaultLimits, failedLoginOfUser: TWO };
    await using at = await startWith({ allowList: nobody, limits });
    const userId = await at.register('alice', 'correct horse');
    const guess = { userId, password: 'wrong horse', newPassword: 'another wrong horse' };
    assert.equal((await at.post('/changePassword', guess)).code, '9100');
    const login = { userId, userName: 'alice', password: 'correct horse', wire: 2 };
    assert.equal((await at.post('/login', login)).code, '6000');
  });

  test('an address that asks for many missing users is refused for a while, at /v1 with 429', async () => {
    const limits = { ...defaultLimits, unknown: TWO };
    await using at = await startWith({ allowList: nobody, limits });
    for (let i = 0; i < 2; i++) assert.equal((await fetch(`${at.route.url}/v1/users/99999999`)).status, 404);
    const refused = await fetch(`${at.route.url}/v1/users/99999999`);
    const body = (await refused.json()) as { code: string; detail: string };
    assert.deepEqual([refused.status, body.code], [429, '6000']);
    assert.match(body.detail, /limit unknown/);
    assert.ok(retryAfter(refused) > 500);
  });

  test('while files or memory are scarce, strangers are refused alike whether they exist, and a session goes on', async () => {
    const supplies: { supply: 'enough' | 'scarce'; onSupply: () => void } = {
      supply: 'enough',
      onSupply: () => undefined,
    };
    await using at = await startWith({ auth: 'password' }, supplies);
    const [userName, password] = ['alice', 'correct horse'];
    const login = { userId: await at.register(userName, password), userName, wire: 2 };
    const { session } = (await at.post('/login', { ...login, password })).dataBody as { session: string };
    supplies.supply = 'scarce';
    const strangers = await Promise.all([
      at.post('/login', { ...login, password }),
      at.post('/login', { ...login, session: 'x'.repeat(session.length), password }),
      at.post('/login', { ...login, userId: 99_999_999, session, password }),
      at.post('/registerAccount', { userName: 'bob', password }),
    ]);
    for (const { status, code, message, headers } of strangers) {
      assert.deepEqual([status, code, headers.get('retry-after')], [503, '6000', '5']);
      assert.match(message, /runs low .* users who are logged in come first; try again in 5 s/);
    }
    const back = await at.post('/login', { ...login, session });
    assert.equal(back.code, '9000', back.message);
    supplies.supply = 'enough';
    await at.register('bob', password);
  });

  test('requests of one address are limited, except those of an allowed address', async () => {
    const limits = { ...defaultLimits, request: TWO };
    await using at = await startWith({ allowList: nobody, limits });
    const ask = async (of: RunningRoute): Promise<string> => (await of.get('/onlineUser')).code;
    assert.deepEqual([await ask(at), await ask(at), await ask(at)], ['9000', '9000', '6000']);
    await using allowed = await startWith({ limits });
    assert.deepEqual([await ask(allowed), await ask(allowed), await ask(allowed)], ['9000', '9000', '9000']);
  });

  test('sends over HTTP are limited by user, whatever the address', async () => {
    const limits = { ...defaultLimits, send: TWO };
    await using at = await startWith({ limits });
    const [alice, bob] = [await at.join('alice'), await at.join('bob')];
    const send = async (userId: UserId): Promise<string> =>
      (await at.post('/p2pRoute', { userId, receiveUserId: bob.userId, msg: 'x' })).code;
    assert.deepEqual(
      [await send(alice.userId), await send(alice.userId), await send(alice.userId)],
      ['9000', '9000', '6000'],
    );
    assert.equal(await send(bob.userId), '9000');
  });

  test('a store that does not answer limits nobody', async () => {
    const silent: Limits = { take: () => new Promise(() => undefined) };
    const failing: Limits = { take: () => Promise.reject(new Error('away')) };
    for (const limits of [silent, failing]) {
      const given = {
        limits,
        values: defaultLimits,
        allowed: nobody,
        suspensions,
        logger: silentLogger(),
        askMs: 5,
      };
      const requests = new RequestLimits(given);
      await requests.login('192.0.2.1', 1 as UserId);
      await requests.send(1 as UserId, inboxOf(2 as UserId), 10, true);
    }
  });

  test('a request makes one call to the store, and none when no limit is on', async () => {
    let calls = 0;
    const counting: Limits = {
      take: () => {
        calls++;
        return Promise.resolve(undefined);
      },
    };
    const values = { ...defaultLimits, join: undefined };
    const given = {
      limits: counting,
      values,
      allowed: networks('10.0.0.0/8'),
      suspensions,
      logger: silentLogger(),
    };
    const requests = new RequestLimits(given);
    await requests.login('192.0.2.1', 1 as UserId);
    await requests.send(1 as UserId, inboxOf(2 as UserId), 10, true);
    assert.equal(calls, 2);
    await requests.login('10.0.0.1', 1 as UserId);
    await requests.join(1 as UserId);
    assert.equal(calls, 2);
  });
});

async function startWith(
  config: Partial<RouteConfig>,
  supplies = ample,
): Promise<RunningRoute & AsyncDisposable> {
  const running = await RunningRoute.start({ config, supplies });
  return Object.assign(running, { [Symbol.asyncDispose]: () => running.stop() });
}
