import type { Logger } from '@cim/runtime';
import { ISSUED_MS, LEASE_MS } from '../sessions.ts';
import type { Store } from '../store.ts';
import { RETENTION, type StreamLimits } from '../streams.ts';
import { RedisAccounts } from './accounts.ts';
import { type Commit, directCommit } from './commit.ts';
import { checkDurability, checkRoles, type Durability, PROMISES } from './durability.ts';
import { RedisLink } from './link.ts';
import { OldLooks } from './old-looks.ts';
import { PromiseWatch } from './promise-watch.ts';
import { Quorum } from './quorum.ts';
import { RedisSessions } from './sessions.ts';
import { RedisStreams } from './streams.ts';
import { Succession } from './succession.ts';
import { describeUrl, parseRedisUrl } from './url.ts';

export interface RedisStoreOptions {
  /** redis://, rediss://, redis+sentinel:// or redis+cluster:// */
  readonly url: string;
  readonly durability: Durability;
  readonly logger: Logger;
  readonly leaseMs?: number;
  readonly issuedMs?: number;
  /** How often it is asked whether the promise can still be kept, and who holds the data. */
  readonly checkMs?: number;
  /** In place of the product's: for tests. */
  readonly limits?: StreamLimits;
}

const CHECK_MS = 30_000;

/**
 * A store in Redis, for any number of processes. It comes back by itself after Redis was away; until then appends
 * answer `retry` and all else throws, both within 2 s.
 * @throws {Error} one line: a wrong URL, no answer in 5 s, or a Redis that cannot keep the promise
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { durability, logger, leaseMs = LEASE_MS, issuedMs = ISSUED_MS, checkMs = CHECK_MS } = options;
  const link = new RedisLink(parseRedisUrl(options.url), logger);
  const succession = new Succession({ link, logger, everyMs: checkMs });
  const check = () => checkDurability(link, durability);
  try {
    await link.start();
    const problem = (await checkRoles(link)) ?? (await check());
    if (problem !== undefined) throw new Error(problem);
    await succession.start();
  } catch (error) {
    succession.stop();
    await link.stop();
    throw error;
  }
  const promise = new PromiseWatch({ check, logger, everyMs: checkMs });
  promise.start();
  const oldLooks = new OldLooks(link, logger);
  oldLooks.start();
  const quorum = durability === 'quorum' ? new Quorum(link) : undefined;
  const direct = directCommit(link);
  const commit: Commit = {
    run: async (script, keys, args) => {
      promise.assertKept();
      return (quorum ?? direct).run(script, keys, args);
    },
    waits: quorum !== undefined,
    acrossShards: quorum === undefined && direct.acrossShards,
  };
  const streams = new RedisStreams(link, commit, logger, options.limits ?? RETENTION);
  return {
    accounts: new RedisAccounts(link, commit),
    sessions: new RedisSessions(link, { leaseMs, issuedMs }),
    streams,
    description: `${describeUrl(link.url)}, ${PROMISES[durability]}`,
    onSuccession: (listener) => succession.onSuccession(listener),
    ping: async () => {
      await link.ask((redis) => redis.ping());
      promise.assertKept();
    },
    stop: async () => {
      oldLooks.stop();
      promise.stop();
      succession.stop();
      await streams.idle();
      quorum?.stop();
      await link.stop();
    },
  };
}
