import { silentLogger } from '@cim/runtime';
import { openRedisStore, type Store } from '@cim/store';
import { RedisProcess } from '@cim/testkit';

/** The stores that a route is tested on. */
export const ENGINES = ['LevelDB', 'Redis'] as const;

/**
 * Starts an engine, for `RunningRoute` to open a store on. `end` ends the engine; call it after the store was
 * stopped.
 */
export async function startStore(
  engine: (typeof ENGINES)[number],
): Promise<{ readonly openStore?: () => Promise<Store>; readonly end: () => Promise<void> }> {
  if (engine === 'LevelDB') return { end: () => Promise.resolve() };
  const redis = await RedisProcess.start();
  return {
    openStore: () => openRedisStore({ url: redis.url, durability: 'disk', logger: silentLogger() }),
    end: () => redis[Symbol.asyncDispose](),
  };
}
