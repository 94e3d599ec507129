import { silentLogger } from '@cim/runtime';
import { openRedisStore, type Store } from '@cim/store';
import { RedisProcess } from '@cim/testkit';

/** A store on a Redis of its own. `stop` ends the Redis; whoever was given the store stops it before. */
export async function startRedisStore(): Promise<{ open: () => Promise<Store>; stop: () => Promise<void> }> {
  const redis = await RedisProcess.start();
  return {
    open: () => openRedisStore({ url: redis.url, durability: 'disk', logger: silentLogger() }),
    stop: () => redis[Symbol.asyncDispose](),
  };
}
