import type { Logger } from '@cim/runtime';
import { ISSUED_MS, LEASE_MS } from '../sessions.ts';
import type { Store } from '../store.ts';
import { RETENTION, type StreamLimits } from '../streams.ts';
import { EmbeddedAccounts } from './accounts.ts';
import { FORMAT, NEXT_USER } from './keys.ts';
import { Ledger } from './ledger.ts';
import { enterOldLooks } from './old-looks.ts';
import { EmbeddedSessions } from './sessions.ts';
import { EmbeddedStreams } from './streams.ts';
import { moveClockedProducers } from './clocked-producers.ts';
import { Sweeper } from './sweeper.ts';

/** Of what is in the folder. A product that changes it must read the old one too. */
const FORMAT_VERSION = 1;

export interface EmbeddedStoreOptions {
  /** Made when it is not there. One process owns it. */
  readonly dir: string;
  readonly logger: Logger;
  readonly leaseMs?: number;
  readonly issuedMs?: number;
  /** ms since 1970. */
  readonly now?: () => number;
  /** In place of the product's: for tests. */
  readonly limits?: StreamLimits;
  /** ms, never goes back. */
  readonly monotonic?: () => number;
}

/**
 * A store in a folder of this machine, for one process. Opening it ends all leases and online sets. When the disk
 * fails, calls throw and appends answer `retry`, until it takes writes again.
 * @throws {Error} one line that says what to do: the folder is in use, cannot be written, or is damaged
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  const { dir, logger, leaseMs = LEASE_MS, issuedMs = ISSUED_MS, now = Date.now } = options;
  const limits = options.limits ?? RETENTION;
  const { monotonic = () => performance.now() } = options;
  const ledger = await Ledger.open(dir, logger);
  try {
    await checkFormat(ledger, dir);
    await enterOldLooks(ledger);
    await moveClockedProducers(ledger, limits.producerEntries);
  } catch (error) {
    await ledger.close();
    throw error;
  }
  const sweeper = new Sweeper(ledger, logger, now, limits);
  sweeper.start();
  return {
    accounts: new EmbeddedAccounts(ledger),
    sessions: new EmbeddedSessions(ledger, { leaseMs, issuedMs, now, monotonic }),
    streams: new EmbeddedStreams(ledger, logger, now, limits),
    description: 'embedded, durable on disk',
    // The folder is this process's alone: nothing goes back under it.
    opened: Promise.resolve(),
    onSuccession: () => undefined,
    ping: () => ledger.ping(NEXT_USER),
    stop: async () => {
      await sweeper.stop();
      await ledger.close();
    },
  };
}

async function checkFormat(ledger: Ledger, dir: string): Promise<void> {
  const version = ledger.committed(FORMAT)?.version;
  if (version === FORMAT_VERSION) return;
  if (version !== undefined)
    throw new Error(
      `the data folder ${dir} has format ${version}, this program reads ${FORMAT_VERSION}; use the version that made it, or set CIM_DATA_DIR to a new folder`,
    );
  ledger.put(FORMAT, { version: FORMAT_VERSION });
  await ledger.commit();
}
