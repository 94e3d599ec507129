import { mkdir } from 'node:fs/promises';
import type { Logger } from '@cim/runtime';
import { ISSUED_MS, LEASE_MS } from '../sessions.ts';
import type { Store } from '../store.ts';
import { EmbeddedAccounts } from './accounts.ts';
import { Ledger } from './ledger.ts';
import { EmbeddedSessions } from './sessions.ts';
import { EmbeddedStreams } from './streams.ts';

const SWEEP_MS = 600_000;

export interface EmbeddedStoreOptions {
  readonly dir: string;
  readonly logger: Logger;
  readonly leaseMs?: number;
  readonly issuedMs?: number;
  /** ms since 1970. */
  readonly now?: () => number;
}

/**
 * A store in a folder of this machine, for one process.
 * @throws {Error} one line: the folder is in use, cannot be written, or is damaged
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  const { dir, logger, leaseMs = LEASE_MS, issuedMs = ISSUED_MS, now = Date.now } = options;
  await mkdir(dir, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`the data folder ${dir} cannot be made: ${error.message}`, { cause: error });
  });
  const ledger = await Ledger.open(dir);
  const streams = new EmbeddedStreams(ledger, now);
  const sweep = (): void => {
    streams.sweep().catch((error: unknown) => logger.warn({ err: error }, 'store.sweep-failed'));
  };
  sweep();
  const sweeper = setInterval(sweep, SWEEP_MS);
  sweeper.unref();
  return {
    accounts: new EmbeddedAccounts(ledger),
    sessions: new EmbeddedSessions(ledger, { leaseMs, issuedMs, now }),
    streams,
    description: 'embedded, durable on disk',
    ping: () => ledger.commit(),
    stop: async () => {
      clearInterval(sweeper);
      await ledger.close();
    },
  };
}
