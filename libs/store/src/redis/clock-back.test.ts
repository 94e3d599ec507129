/**
 * A Redis whose clock is behind after a restart. Without countermeasures, keys set before would expire too
 * late.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RedisProcess, until } from '@cim/testkit';
import { CIM, cimAt, logIn, newClaim, newServer, newUser } from '../../test/contract-fixture.ts';
import { openRedisForTest } from '../../test/redis-store.ts';

const HOUR = 3_600_000;

describe('a Redis whose clock has gone back', () => {
  let redis: RedisProcess;
  before(async () => {
    redis = await RedisProcess.start();
  });
  after(() => redis[Symbol.asyncDispose]());

  const back = async (store: { ping(): Promise<void> }, ms: number): Promise<void> => {
    await redis.restartWithClockBehind(ms);
    await until('the store is back', () =>
      store.ping().then(
        () => true,
        () => false,
      ),
    );
  };

  test('locks nobody out for longer than a lease whose server died before', async (t) => {
    const store = await openRedisForTest(t, redis.url, { leaseMs: 1_000 });
    const { sessions } = store;
    const [user, dead, alive] = [await newUser(store), await newServer(store), await newServer(store)];
    const other = await newUser(store);
    const epoch = await logIn(store, user, dead);
    const kept = cimAt(alive, await logIn(store, other, alive));
    await back(store, HOUR);
    const login = { user, instance: alive, ...CIM, policy: 'reject', secretHash: '' } as const;
    await until('a login without a secret is placed', async () => {
      assert.equal(await sessions.renewLease(alive), true);
      const answer = await sessions.issue(login);
      if (answer.outcome === 'repeat') assert.deepEqual(answer.live, [cimAt(dead, epoch)]);
      if (answer.outcome !== 'issued') return false;
      assert.ok(answer.epoch > epoch);
      return true;
    });
    assert.equal(await sessions.renewLease(dead), false);
    assert.deepEqual(await sessions.locate(other.userId), [kept], 'a server that renews its lease keeps it');
  });

  test('leaves nobody located at a server that died, nor online', async (t) => {
    const store = await openRedisForTest(t, redis.url, { leaseMs: 500 });
    const { sessions } = store;
    const [user, located, listed] = [await newUser(store), await newServer(store), await newServer(store)];
    await logIn(store, user, located);
    await logIn(store, await newUser(store), listed);
    await back(store, HOUR);
    await until('nobody is there', async () => (await sessions.locate(user.userId)).length === 0);
    await until('nobody is online', async () => (await sessions.online(listed)).length === 0);
  });

  test('lets no unclaimed login block another one, or be claimed later than it should', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const { sessions } = store;
    const [user, instance] = [await newUser(store), await newServer(store)];
    const login = { user, instance, ...CIM, policy: 'reject', secretHash: '' } as const;
    const first = await sessions.issue(login);
    assert.ok(first.outcome === 'issued');
    await back(store, HOUR);
    const claim = { userId: user.userId, userName: user.userName, instance, claim: newClaim() };
    assert.deepEqual(await sessions.claim(claim), { outcome: 'refused' });
    const next = await sessions.issue(login);
    assert.ok(next.outcome === 'issued');
    assert.equal((await sessions.claim(claim)).outcome, 'claimed');
  });

  test('ends no login when it has gone back by a few seconds', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const { sessions } = store;
    const [user, instance] = [await newUser(store), await newServer(store)];
    const login = { user, instance, ...CIM, policy: 'reject', secretHash: '' } as const;
    assert.equal((await sessions.issue(login)).outcome, 'issued');
    await back(store, 5_000);
    assert.deepEqual(await sessions.issue(login), { outcome: 'repeat', live: [] });
    const claim = { userId: user.userId, userName: user.userName, instance, claim: newClaim() };
    assert.equal((await sessions.claim(claim)).outcome, 'claimed');
  });
});
