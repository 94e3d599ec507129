import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_DEVICE } from '@cim/protocol';
import { RedisProcess } from '@cim/testkit';
import { cimAt, logIn, newServer, newUser } from '../../test/contract-fixture.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import { key } from './keys.ts';
import { withAccess } from './access.ts';
import { RedisLink } from './link.ts';
import { ISSUE } from './session-scripts.ts';
import { parseRedisUrl } from './url.ts';

test('a login that has seen a session whose server died does not replace the one that came meanwhile', async (t) => {
  const redis = await RedisProcess.start();
  t.after(() => redis[Symbol.asyncDispose]());
  const store = await openRedisForTest(t, redis.url);
  const link = new RedisLink(withAccess(parseRedisUrl(redis.url), {}));
  t.after(() => link.stop());

  const user = await newUser(store);
  const [dead, alive] = [await newServer(store), await newServer(store)];
  await logIn(store, user, dead);
  await store.sessions.closeLease(dead);
  const current = await logIn(store, user, alive);
  // What the login asked before: the lease of the server that died.
  const made = ['reject', 'user', 'cim', '', alive, user.userName, '', 20_000, 'an-attempt', '', 10, 1_000];
  const keys = [key.session(user.userId), key.account(user.userId), key.cursors(user.userId)];
  const answer = await link.ask((connection) => ISSUE.run(connection, keys, [...made, dead, 0]));
  assert.deepEqual(answer, ['again', alive]);
  assert.deepEqual(await store.sessions.locate(user.userId), [cimAt(alive, current)]);
});

test('a session of the version before goes on, and the next login makes it the session of a device', async (t) => {
  const redis = await RedisProcess.start();
  t.after(() => redis[Symbol.asyncDispose]());
  const store = await openRedisForTest(t, redis.url);
  const link = new RedisLink(withAccess(parseRedisUrl(redis.url), {}));
  t.after(() => link.stop());
  const user = await newUser(store);
  const { userId } = user;
  const [old, instance] = [await newServer(store), await newServer(store)];
  const before = {
    epoch: '7',
    state: 'live',
    instance: old,
    name: user.userName,
    secret: 'mine',
    older: '',
    until: '0',
  };
  const rest = { attempt: 'a', claim: 'c', prevInstance: '', prevEpoch: '0' };
  await link.ask((connection) => connection.hset(key.session(userId), { ...before, ...rest }));
  const at = { device: DEFAULT_DEVICE, instance: old, epoch: 7 };
  assert.deepEqual(await store.sessions.locate(userId), [at]);
  const of = { userId, device: DEFAULT_DEVICE };
  assert.deepEqual(await store.sessions.epochs([of]), [{ epoch: 7, state: 'live' }]);
  assert.deepEqual((await store.sessions.find(userId))[0]?.secretHashes, ['mine']);
  const issued = await store.sessions.issue({
    ...{ user, device: DEFAULT_DEVICE, label: '', instance, secretHash: 'new' },
    ...{ policy: 'replace', one: 'device', shownHash: 'mine' },
  });
  assert.ok(issued.outcome === 'issued' && issued.epoch > 7);
  const claimed = await store.sessions.claim({ userId, instance, epoch: issued.epoch, claim: 'd' });
  assert.ok(claimed.outcome === 'claimed');
  assert.deepEqual(claimed.previous, [at]);
  const fields = await link.ask((connection) => connection.hkeys(key.session(userId)));
  assert.deepEqual(fields, [DEFAULT_DEVICE]);
});
