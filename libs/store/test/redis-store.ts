/** A Redis store that is stopped when its test ends. */
import type { TestContext } from 'node:test';
import { silentLogger } from '@cim/runtime';
import { openRedisStore, type RedisStoreOptions } from '../src/redis/redis-store.ts';
import type { Store } from '../src/store.ts';

export async function openRedisForTest(
  t: TestContext,
  url: string,
  options: Partial<RedisStoreOptions> = {},
): Promise<Store> {
  const store = await openRedisStore({ durability: 'disk', logger: silentLogger(), ...options, url });
  t.after(() => store.stop());
  await store.opened;
  return store;
}
