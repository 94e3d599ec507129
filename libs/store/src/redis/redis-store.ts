import type { Logger } from '@cim/runtime';
import { ISSUED_MS, LEASE_MS } from '../sessions.ts';
import type { Store } from '../store.ts';
import { RedisAccounts } from './accounts.ts';
import { checkDurability, type Durability } from './durability.ts';
import { RedisLink } from './link.ts';
import { RedisSessions } from './sessions.ts';
import { RedisStreams } from './streams.ts';
import { describeUrl, parseRedisUrl } from './url.ts';

export interface RedisStoreOptions {
  /** redis://, rediss://, redis+sentinel:// or redis+cluster:// */
  readonly url: string;
  readonly durability: Durability;
  readonly logger: Logger;
  readonly leaseMs?: number;
  readonly issuedMs?: number;
}

/**
 * A store in Redis, for any number of processes. It comes back by itself after Redis was away; until then appends
 * answer `retry` and all else throws, both within 2 s.
 * @throws {Error} one line: a wrong URL, no answer in 5 s, or a Redis that cannot keep the promise
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { durability, logger, leaseMs = LEASE_MS, issuedMs = ISSUED_MS } = options;
  const link = new RedisLink(parseRedisUrl(options.url), logger);
  let promise: string;
  try {
    await link.start();
    promise = await checkDurability(link, durability);
  } catch (error) {
    await link.stop();
    throw error;
  }
  const streams = new RedisStreams(link);
  return {
    accounts: new RedisAccounts(link),
    sessions: new RedisSessions(link, { leaseMs, issuedMs }),
    streams,
    description: `${describeUrl(link.url)}, ${promise}`,
    onSuccession: (listener) => link.onConnected(listener),
    ping: async () => {
      await link.ask((redis) => redis.ping());
    },
    stop: async () => {
      await streams.idle();
      await link.stop();
    },
  };
}
