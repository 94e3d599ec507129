import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { CimError, inboxOf } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { RedisProcess } from '@cim/testkit';
import {
  CIM,
  cimOf,
  claimedBy,
  append,
  newClaim,
  newInstance,
  newName,
  newPair,
  newServer,
  newUser,
} from '../../test/contract-fixture.ts';
import { ReplyCutter } from '../../test/reply-cutter.ts';
import type { Store } from '../store.ts';
import { openRedisStore } from './redis-store.ts';

/**
 * The driver sends a request again when its reply was lost. The caller must not notice that it was carried
 * out twice.
 */
describe('a reply that is lost', () => {
  let redis: RedisProcess;
  let cutter: ReplyCutter;
  let store: Store;
  before(async () => {
    redis = await RedisProcess.start();
    cutter = await ReplyCutter.start(redis.port);
    const url = `redis://127.0.0.1:${cutter.port}`;
    store = await openRedisStore({ url, durability: 'disk', logger: silentLogger() });
    // From here on Redis knows the scripts, so each is one request.
    const { to, sends } = await newPair(store);
    await append(store, sends.item(1));
    const instance = await newServer(store);
    await store.sessions.issue({ user: to, instance, ...CIM, policy: 'kick', secretHash: '' });
    await store.sessions.claim({ userId: to.userId, instance, userName: to.userName, claim: newClaim() });
  });
  after(async () => {
    await store.stop();
    await cutter[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
  });
  let cuts = 0;
  beforeEach(() => {
    cuts = cutter.cuts;
  });
  const wasCut = (): void => assert.equal(cutter.cuts, cuts + 1);
  /** On a busy machine the driver may not be back in the time that an answer may take; whoever called then asks again. */
  const answered = async <T>(ask: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++)
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof CimError) || !error.retryable || tries === 10) throw error;
      }
  };

  test('of a login: it is issued, once, and not refused as a repeat of itself', async () => {
    const user = await newUser(store);
    const instance = await newServer(store);
    cutter.cutReplyTo('EVALSHA');
    const answer = await store.sessions.issue({ user, instance, ...CIM, policy: 'reject', secretHash: '' });
    wasCut();
    assert.ok(answer.outcome === 'issued');
    assert.deepEqual(await store.sessions.epochs([cimOf(user)]), [{ epoch: answer.epoch, state: 'issued' }]);
  });

  test('of a claim: it is claimed, with the same answer', async () => {
    const user = await newUser(store);
    const instance = await newServer(store);
    const issued = await store.sessions.issue({ user, instance, ...CIM, policy: 'reject', secretHash: '' });
    assert.ok(issued.outcome === 'issued');
    cutter.cutReplyTo('EVALSHA');
    const claim = { userId: user.userId, instance, userName: user.userName, claim: newClaim() };
    assert.deepEqual(await answered(() => store.sessions.claim(claim)), claimedBy(user, issued.epoch));
    wasCut();
    assert.deepEqual(await store.sessions.online(instance), [user]);
  });

  test('of a new lease: the repeated request does not find the id taken', async () => {
    const instance = newInstance();
    cutter.cutReplyTo('EVALSHA');
    await answered(() => store.sessions.openLease(instance));
    wasCut();
    assert.equal(await store.sessions.renewLease(instance), true);
  });

  for (const [what, words] of [
    ['account', ['EVALSHA', ':acct:']],
    ["account's name", ['EVALSHA', ':names']],
  ] as const)
    test(`of a new ${what}: there is one account, and it is new`, async () => {
      const accounts = async (): Promise<number> =>
        (await redis.cli('--scan', '--pattern', '*:acct:*')).trim().split('\n').length;
      const before = await accounts();
      const name = newName();
      cutter.cutReplyTo(...words);
      const { account, created } = await store.accounts.register(name);
      wasCut();
      assert.equal(created, true);
      assert.deepEqual(await store.accounts.byName(name), account);
      assert.equal(await accounts(), before + 1);
    });

  test('of an append: it is stored once', async () => {
    const { sends, to } = await newPair(store);
    cutter.cutReplyTo('EVALSHA');
    assert.deepEqual(await append(store, sends.item(1)), { outcome: 'duplicate', seq: 1 });
    wasCut();
    cutter.cutReplyTo('EVALSHA');
    assert.deepEqual(await append(store, { ...sends.item(0), rememberMs: 60_000 }), {
      outcome: 'duplicate',
      seq: 2,
    });
    assert.equal((await store.streams.position(inboxOf(to.userId))).top, 2);
  });
});
