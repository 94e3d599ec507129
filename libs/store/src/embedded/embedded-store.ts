import type { Logger, Observer } from '@cim/runtime';
import { ISSUED_MS, LEASE_MS } from '../sessions.ts';
import type { Store } from '../store.ts';
import { RETENTION, type StreamLimits } from '../streams.ts';
import { EmbeddedAccounts } from './accounts.ts';
import { EmbeddedApiKeys } from './api-keys.ts';
import { audit } from './audit.ts';
import { backUp } from './backup.ts';
import { EmbeddedBans } from './bans.ts';
import { EmbeddedBlocks } from './blocks.ts';
import { EmbeddedConversationRows } from './conversation-rows.ts';
import { damaged, reasonOf, repairDatabase } from './database.ts';
import { EmbeddedEventFeed } from './event-feed.ts';
import { EmbeddedGroups } from './groups.ts';
import { refuseOtherFormat } from './format.ts';
import { NEXT_USER } from './keys.ts';
import { Ledger } from './ledger.ts';
import { EmbeddedLimits } from './limits.ts';
import { EmbeddedLogWishes } from './log-wishes.ts';
import { EmbeddedScheduled } from './scheduled.ts';
import { EmbeddedSessions } from './sessions.ts';
import { EmbeddedStreams } from './streams.ts';
import { Sweeper } from './sweeper.ts';
import { EmbeddedHeld } from './held.ts';
import { EmbeddedWebhooks } from './webhooks.ts';
import { upgradeFolder } from './upgrade.ts';

export interface EmbeddedStoreOptions {
  /** The folder, which is made when it is missing. One process owns it. */
  readonly dir: string;
  readonly logger: Logger;
  /** Absent: nothing is counted. */
  readonly observer?: Pick<Observer, 'storeFailed'>;
  readonly leaseMs?: number;
  /** Lengths of suspensions, in order [ms]. */
  readonly suspensionMs?: readonly number[];
  readonly issuedMs?: number;
  /** The time [ms since 1970]. */
  readonly now?: () => number;
  /** Whether a damaged folder is opened too, with the data that is left. */
  readonly acceptLoss?: boolean;
  /** Added to the clock for scheduled messages [ms]: for tests. */
  readonly scheduleSkewMs?: () => number;
  /** Replaces the limits of the product: for tests. */
  readonly limits?: StreamLimits;
  /** A time that never goes back [ms]. */
  readonly monotonic?: () => number;
}

/**
 * Opens a store in a folder of this machine, for one process. Opening it ends all leases and online sets.
 * When the disk fails, calls throw and appends answer `retry`, until the disk takes writes again.
 * @throws {Error} one line that says what to do: the folder is in use, cannot be written, or is damaged
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  const { dir, logger, leaseMs = LEASE_MS, issuedMs = ISSUED_MS, now = Date.now } = options;
  const limits = options.limits ?? RETENTION;
  const { monotonic = () => performance.now(), acceptLoss = false } = options;
  const ledger = await openWhole(dir, logger, acceptLoss);
  try {
    await upgradeFolder(ledger, limits.producerEntries);
  } catch (error) {
    await ledger.close();
    throw error;
  }
  ledger.onFailure(() => options.observer?.storeFailed('refusing'));
  const sweeper = new Sweeper(ledger, logger, now, limits);
  sweeper.start();
  const groups = new EmbeddedGroups(ledger, now, monotonic);
  const blocks = new EmbeddedBlocks(ledger);
  const feed: EmbeddedEventFeed = new EmbeddedEventFeed(ledger, {
    ...{ monotonic, now },
    isOnline: (user) => sessions.isOnline(user),
  });
  const sessions: EmbeddedSessions = new EmbeddedSessions(ledger, feed, {
    leaseMs,
    issuedMs,
    now,
    monotonic,
  });
  return {
    accounts: new EmbeddedAccounts(ledger),
    apiKeys: new EmbeddedApiKeys(ledger),
    sessions,
    streams: new EmbeddedStreams(ledger, logger, now, limits, groups, blocks, feed),
    feed,
    webhooks: new EmbeddedWebhooks(ledger),
    held: new EmbeddedHeld(ledger, now),
    groups,
    blocks,
    scheduled: new EmbeddedScheduled(ledger, now, monotonic, options.scheduleSkewMs),
    bans: new EmbeddedBans(ledger, feed, now, options.suspensionMs),
    limits: new EmbeddedLimits(monotonic),
    logWishes: new EmbeddedLogWishes(monotonic),
    conversations: new EmbeddedConversationRows(ledger),
    description: 'embedded, durable on disk',
    // The folder belongs to this process alone, so its data never goes back while the process runs.
    opened: Promise.resolve(),
    onSuccession: () => undefined,
    state: () => ({
      engine: 'embedded',
      durability: 'disk',
      problem: ledger.broken ? 'refusing' : undefined,
    }),
    backUp: (folder) => backUp(ledger, folder),
    ping: () => ledger.ping(NEXT_USER),
    stop: async () => {
      await sweeper.stop();
      await ledger.close();
    },
  };
}

/**
 * Opens the ledger and reads all of it, so that missing data is known before any call is answered.
 * @throws {Error} one line that says what is damaged, unless `acceptLoss` is set
 */
async function openWhole(dir: string, logger: Logger, acceptLoss: boolean): Promise<Ledger> {
  let ledger = await Ledger.open(dir, logger, acceptLoss);
  try {
    await refuseOtherFormat(ledger, dir);
    const { problems, mend } = await audit(ledger).catch(async (error: unknown) => {
      if (!acceptLoss) throw damaged(dir, reasonOf(error), error);
      // A table cannot be read to its end.
      await ledger.close();
      await repairDatabase(dir);
      ledger = await Ledger.open(dir, logger, acceptLoss);
      return audit(ledger);
    });
    const [first] = problems;
    if (first === undefined) return ledger;
    const more = problems.length === 1 ? '' : `, and ${problems.length - 1} more`;
    if (!acceptLoss) throw damaged(dir, `${first}${more}`);
    logger.warn({ dir, problems: problems.slice(0, 20), all: problems.length }, 'store.loss-accepted');
    mend();
    await ledger.commit();
    return ledger;
  } catch (error) {
    await ledger.close();
    throw error;
  }
}
