import { setTimeout as sleep } from 'node:timers/promises';
import { type Logger, type Observer, randomText } from '@cim/runtime';
import { ISSUED_MS, LEASE_MS } from '../sessions.ts';
import type { Store } from '../store.ts';
import { RETENTION, type StreamLimits } from '../streams.ts';
import { type RedisAccess, withAccess } from './access.ts';
import { RedisAccounts } from './accounts.ts';
import { RedisApiKeys } from './api-keys.ts';
import { RedisBans } from './bans.ts';
import { RedisBlocks } from './blocks.ts';
import { type Commit, directCommit } from './commit.ts';
import { RedisConversationRows } from './conversation-rows.ts';
import { checkDurability, checkRoles, type Durability, PROMISES } from './durability.ts';
import { faultOf } from './fault.ts';
import { RedisEventFeed } from './event-feed.ts';
import { RedisGroups } from './groups.ts';
import { RedisLimits } from './limits.ts';
import { RedisLogWishes } from './log-wishes.ts';
import { RedisLink } from './link.ts';
import { MemberSides } from './member-sides.ts';
import { missingPermissions } from './needs.ts';
import { OldLooks } from './old-looks.ts';
import { Quorum } from './quorum.ts';
import { RedisScheduled } from './scheduled.ts';
import { RedisSessions } from './sessions.ts';
import { type Problem, problemOf, StoreWatch } from './store-watch.ts';
import { RedisStreams } from './streams.ts';
import { Succession } from './succession.ts';
import { describeUrl, parseRedisUrl } from './url.ts';
import { RedisHeld } from './held.ts';
import { RedisWebhooks } from './webhooks.ts';
import { WriteProbe } from './write-probe.ts';

export interface RedisStoreOptions extends RedisAccess {
  /** A URL: redis://, rediss://, redis+sentinel:// or redis+cluster:// */
  readonly url: string;
  readonly durability: Durability;
  readonly logger: Logger;
  /** Absent: nothing is counted. */
  readonly observer?: Pick<Observer, 'storeFailed'>;
  readonly leaseMs?: number;
  /** Lengths of suspensions, in order [ms]. */
  readonly suspensionMs?: readonly number[];
  readonly issuedMs?: number;
  /** Time between two checks of the promise and of writes [ms]. */
  readonly checkMs?: number;
  /** Replaces the limits of the product: for tests. */
  readonly limits?: StreamLimits;
  /** Added to Redis' clock for scheduled messages [ms]: for tests. */
  readonly scheduleSkewMs?: () => number;
  /** Longest time that a start waits for Redis [ms]. After it the start goes on without Redis. */
  readonly startMs?: number;
}

const CHECK_MS = 3_000;
/**
 * Time between two looks for another server that holds the data [ms]. Each new connection causes one as well.
 */
const SUCCESSION_MS = 30_000;
const START_MS = 5_000;

/**
 * Opens a store in Redis, for any number of processes. After an outage of Redis it goes on by itself. Until
 * then appends answer `retry` and all other calls throw, both within 2 s. When Redis is away at the start, or
 * takes no writes, the store is returned after 5 s and opens later (`opened`).
 * @throws {Error} one line: a wrong URL, password or permission, or a Redis that cannot keep the promise
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { durability, logger, leaseMs = LEASE_MS, issuedMs = ISSUED_MS } = options;
  const { checkMs = CHECK_MS, startMs = START_MS } = options;
  const link = new RedisLink(withAccess(parseRedisUrl(options.url), options), options.observer);
  const succession = new Succession({ link, logger, everyMs: options.checkMs ?? SUCCESSION_MS });
  const quorum = durability === 'quorum' ? new Quorum(link) : undefined;
  const direct = directCommit(link);
  const unchecked: Commit = {
    run: (script, keys, args) => (quorum ?? direct).run(script, keys, args),
    waits: quorum !== undefined,
    acrossShards: quorum === undefined && direct.acrossShards,
  };
  const probeId = randomText(12);
  const probe = new WriteProbe(link, unchecked, probeId);
  const name = describeUrl(link.url);

  const check = async (opening: boolean): Promise<Problem | undefined> => {
    link.leaveWhereNotReady();
    if (!link.isUp) {
      const problem = problemOf(link.trouble, name);
      // All failures of a connection are one outage. When the link leaves a server, its reason is known.
      return link.trouble.kind === 'elsewhere' ? problem : { ...problem, key: 'away' };
    }
    try {
      const wrong = opening
        ? ((await missingPermissions(link, durability, probeId)) ?? (await checkRoles(link)))
        : undefined;
      if (wrong !== undefined) return { kind: 'settings', key: wrong, text: wrong };
      const broken = await checkDurability(link, durability);
      if (broken !== undefined) return { kind: 'promise', key: broken, text: broken };
      const problem = await probe.run();
      if (problem === undefined && opening) await succession.start();
      return problem;
    } catch (error) {
      const fault = faultOf(error);
      link.notice(fault);
      return problemOf(fault, name);
    }
  };
  const watch = new StoreWatch({ check, logger, everyMs: checkMs });
  const oldLooks = new OldLooks(link, logger);
  watch.opened.then(
    () => oldLooks.start(),
    () => undefined,
  );
  link.onTopology(() => watch.look());
  link.onTrouble(() => watch.look());
  const commit: Commit = {
    ...unchecked,
    run: async (script, keys, args) => {
      watch.assertKept();
      return unchecked.run(script, keys, args);
    },
  };
  const sides = new MemberSides(link, commit);
  const streams = new RedisStreams(link, commit, sides, logger, options.limits ?? RETENTION);
  const stop = async (): Promise<void> => {
    oldLooks.stop();
    watch.stop();
    succession.stop();
    await streams.idle();
    quorum?.stop();
    await link.stop();
  };

  try {
    watch.start();
    await Promise.race([watch.opened, sleep(startMs, undefined, { ref: false })]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    accounts: new RedisAccounts(link, commit),
    apiKeys: new RedisApiKeys(link, commit),
    sessions: new RedisSessions(link, { leaseMs, issuedMs }),
    streams,
    feed: new RedisEventFeed(link, commit),
    webhooks: new RedisWebhooks(link, commit),
    held: new RedisHeld(link, commit),
    groups: new RedisGroups(link, commit, sides),
    conversations: new RedisConversationRows(link, commit),
    blocks: new RedisBlocks(link, commit),
    scheduled: new RedisScheduled(link, commit, direct.acrossShards, options.scheduleSkewMs),
    bans: new RedisBans(link, options.suspensionMs),
    logWishes: new RedisLogWishes(link),
    limits: new RedisLimits(link, direct.acrossShards),
    description: `${name}, ${PROMISES[durability]}`,
    opened: watch.opened,
    state: () => ({ engine: 'redis', durability, problem: watch.problem }),
    onSuccession: (listener) => succession.onSuccession(listener),
    ping: async () => {
      watch.assertReady();
      await link.ask((redis) => redis.ping());
    },
    stop,
  };
}
