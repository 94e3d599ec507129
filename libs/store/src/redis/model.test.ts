import { test } from 'node:test';
import { RedisProcess } from '@cim/testkit';
import { openRedisForTest } from '../../test/redis-store.ts';
import { checkAgainstModel, MODEL_LIMITS } from '../streams.model.ts';

test('random sends, acks and reads are answered as the model says', async (t) => {
  const redis = await RedisProcess.start();
  t.after(() => redis[Symbol.asyncDispose]());
  const store = await openRedisForTest(t, redis.url, { limits: MODEL_LIMITS });
  await checkAgainstModel(store, {
    runs: 60,
    reopen: () => openRedisForTest(t, redis.url, { limits: MODEL_LIMITS }),
  });
});
