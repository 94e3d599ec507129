import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { silentLogger } from '@cim/runtime';
import { RedisProcess } from '@cim/testkit';
import { openRedisForTest } from '../../test/redis-store.ts';
import type { Durability } from './durability.ts';
import { openRedisStore } from './redis-store.ts';

const refused = (url: string, durability: Durability, words: RegExp): Promise<void> =>
  assert.rejects(openRedisStore({ url, durability, logger: silentLogger() }), (error: Error) => {
    assert.match(error.message, words);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });

describe('durability', () => {
  let redis: RedisProcess;
  before(async () => {
    redis = await RedisProcess.start();
  });
  after(() => redis[Symbol.asyncDispose]());

  test('disk is accepted with a Redis that keeps the promise, and named in the description', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const { host } = new URL(redis.url);
    assert.equal(store.description, `Redis at ${host}, durable on disk (appendfsync always)`);
  });

  test('disk is refused by each setting that breaks it, with the lines that mend it', async (t) => {
    const settings = [
      ['appendfsync', 'everysec', 'always'],
      ['appendonly', 'no', 'yes'],
      ['no-appendfsync-on-rewrite', 'yes', 'no'],
      ['maxmemory-policy', 'allkeys-lru', 'noeviction'],
    ] as const;
    for (const [name, wrong, right] of settings) {
      await redis.cli('CONFIG', 'SET', name, wrong);
      await refused(redis.url, 'disk', new RegExp(`mend it with: CONFIG SET ${name} ${right} \\(`));
      await redis.cli('CONFIG', 'SET', name, right);
    }
    await openRedisForTest(t, redis.url);
  });

  test('fast accepts any Redis and says that a loss is possible', async (t) => {
    await redis.cli('CONFIG', 'SET', 'appendfsync', 'everysec');
    const store = await openRedisForTest(t, redis.url, { durability: 'fast' });
    assert.match(store.description, /fast: what Redis loses is lost/);
    await redis.cli('CONFIG', 'SET', 'appendfsync', 'always');
  });

  test('quorum is refused without a replica, with the line that mends it', async () => {
    await refused(
      redis.url,
      'quorum',
      /no replica of it is online; start one with: replicaof 127\.0\.0\.1 \d+/,
    );
    await redis.cli('CONFIG', 'SET', 'appendfsync', 'everysec');
    await refused(
      redis.url,
      'quorum',
      /CIM_DURABILITY=quorum; mend it with: CONFIG SET appendfsync always \(/,
    );
    await redis.cli('CONFIG', 'SET', 'appendfsync', 'always');
  });

  test('a Redis that does not tell its configuration cannot promise disk', async () => {
    await redis.cli('ACL', 'SETUSER', 'guest', 'on', '>pw', '~*', '&*', '+@all', '-config');
    const { host } = new URL(redis.url);
    await refused(
      `redis://guest:pw@${host}`,
      'disk',
      /denies the user guest the commands config\|get; mend it with: ACL SETUSER guest \+config\|get /,
    );
  });

  test('a URL that leads to a replica is refused', async (t) => {
    const replica = await RedisProcess.start(['--replicaof', `127.0.0.1 ${redis.port}`]);
    t.after(() => replica[Symbol.asyncDispose]());
    await refused(replica.url, 'fast', /is a replica; name its master/);
  });
});
