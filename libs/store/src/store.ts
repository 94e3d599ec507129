import type { Accounts } from './accounts.ts';
import type { Sessions } from './sessions.ts';
import type { Streams } from './streams.ts';

/** Accounts, sessions and streams on one engine. */
export interface Store {
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly streams: Streams;
  /** For people, at start: `embedded, durable on disk` */
  readonly description: string;
  /** Throws, with one line that says why, when the engine does not answer. */
  ping(): Promise<void>;
  /** Finishes what was begun, then closes. Idempotent. */
  stop(): Promise<void>;
}
