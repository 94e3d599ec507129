import { test, type TestContext } from 'node:test';
import { RedisProcess } from '@cim/testkit';
import { Redis } from './ioredis.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import { checkConversations, CONVERSATION_LIMITS, type StoreWithPast } from '../conversations.property.ts';

test('histories, unread counts and conversation lists equal the model’s after random sends, reads and losses', async (t) => {
  const redis = await RedisProcess.start();
  t.after(() => redis[Symbol.asyncDispose]());
  await checkConversations(await withPast(t, redis.url), { runs: 16 });
});

/**
 * Lets the same store go on with an older content of Redis, as after a failover to a replica that was behind.
 */
async function withPast(t: TestContext, url: string): Promise<StoreWithPast> {
  const client = new Redis(url);
  t.after(() => client.disconnect());
  const store = await openRedisForTest(t, url, { limits: CONVERSATION_LIMITS });
  let kept: (readonly [key: string, value: Buffer | null])[] = [];
  return {
    store,
    keep: async () => {
      const keys = await client.keys('*');
      kept = await Promise.all(keys.map(async (key) => [key, await client.dumpBuffer(key)] as const));
      return store;
    },
    goBack: async () => {
      const calls = client.multi().flushall();
      for (const [key, value] of kept) if (value !== null) calls.restore(key, 0, value);
      await calls.exec();
      return store;
    },
  };
}
