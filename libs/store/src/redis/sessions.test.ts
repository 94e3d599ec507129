import assert from 'node:assert/strict';
import { test } from 'node:test';
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
  // What the login has asked before: of the lease of the server that died.
  const made = ['reject', 'user', 'cim', '', alive, user.userName, '', 20_000, 'an-attempt', '', 10, 1_000];
  const keys = [key.session(user.userId), key.account(user.userId), key.cursors(user.userId)];
  const answer = await link.ask((connection) => ISSUE.run(connection, keys, [...made, dead, 0]));
  assert.deepEqual(answer, ['again', alive]);
  assert.deepEqual(await store.sessions.locate(user.userId), [cimAt(alive, current)]);
});
