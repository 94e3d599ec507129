import type { Logger } from '@cim/runtime';
import { ISSUED_MS, LEASE_MS } from '../sessions.ts';
import type { Store } from '../store.ts';
import { RedisAccounts } from './accounts.ts';
import { connectRedis, describeUrl, parseRedisUrl } from './connection.ts';
import { checkDurability, type Durability } from './durability.ts';
import { RedisSessions } from './sessions.ts';
import { RedisStreams } from './streams.ts';

const START_MS = 5_000;

export interface RedisStoreOptions {
  readonly url: string;
  readonly durability: Durability;
  readonly logger: Logger;
  readonly leaseMs?: number;
  readonly issuedMs?: number;
}

/** @throws {Error} one line: a wrong URL, no answer, or a Redis that cannot keep the promise */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { durability, logger, leaseMs = LEASE_MS, issuedMs = ISSUED_MS } = options;
  const url = parseRedisUrl(options.url);
  const redis = connectRedis(url, logger);
  let promise: string;
  try {
    await firstAnswer(() => redis.ping(), describeUrl(url));
    promise = await checkDurability(redis, url, durability);
  } catch (error) {
    redis.disconnect();
    throw error;
  }
  return {
    accounts: new RedisAccounts(redis),
    sessions: new RedisSessions(redis, { leaseMs, issuedMs }),
    streams: new RedisStreams(redis),
    description: `${describeUrl(url)}, ${promise}`,
    ping: async () => {
      await redis.ping();
    },
    stop: async () => {
      // What was sent before is answered first.
      await redis.quit().catch(() => redis.disconnect());
    },
  };
}

/** A Redis that is starting answers after a moment; one that is not there never does. */
async function firstAnswer(ping: () => Promise<unknown>, where: string): Promise<void> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    try {
      await ping();
      return;
    } catch (error) {
      if (Date.now() < deadline && !/NOAUTH|WRONGPASS/.test(String(error))) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        continue;
      }
      throw new Error(
        `${where} does not answer (${(error as Error).message}); is it running? set CIM_REDIS_URL`,
        {
          cause: error,
        },
      );
    }
  }
}
