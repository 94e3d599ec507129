import { silentLogger } from '@cim/runtime';
import { openRedisStore, type Store } from '@cim/store';
import { RedisProcess } from '@cim/testkit';

/** What a route's store may stand on. */
export const ENGINES = ['LevelDB', 'Redis'] as const;

/** How `RunningRoute` opens a store on an engine. `end` ends the engine; whoever opened the store has stopped it before. */
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
