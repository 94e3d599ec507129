import { after, before } from 'node:test';
import { silentLogger } from '@cim/runtime';
import { RedisProcess } from '@cim/testkit';
import type { Store } from '../store.ts';
import { storeContract } from '../store.contract.ts';
import { openRedisStore } from './redis-store.ts';

let redis: RedisProcess;
before(async () => {
  redis = await RedisProcess.start();
});
after(() => redis[Symbol.asyncDispose]());

storeContract('Redis', async (times = {}) => {
  const opened: Store[] = [];
  const open = async (): Promise<Store> => {
    const store = await openRedisStore({
      url: redis.url,
      durability: 'disk',
      logger: silentLogger(),
      ...times,
    });
    opened.push(store);
    return store;
  };
  return {
    store: await open(),
    reopen: open,
    close: async () => {
      await Promise.all(opened.map((store) => store.stop()));
    },
  };
});
