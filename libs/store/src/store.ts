import type { Accounts } from './accounts.ts';
import type { ApiKeys } from './api-keys.ts';
import type { Backup } from './backup.ts';
import type { Bans } from './bans.ts';
import type { Blocks } from './blocks.ts';
import type { ConversationRows } from './conversation-rows.ts';
import type { EventFeed } from './event-feed.ts';
import type { Groups } from './groups.ts';
import type { Held } from './held.ts';
import type { Limits } from './limits.ts';
import type { LogWishes } from './log-wishes.ts';
import type { Scheduled } from './scheduled.ts';
import type { Sessions } from './sessions.ts';
import type { Streams } from './streams.ts';
import type { Webhooks } from './webhooks.ts';

/**
 * The reason why a store cannot do its work.
 * - `promise` it would take a send but not keep its promise.
 * - `settings` a password, a permission or an address is wrong.
 * - `refusing` it takes no writes until somebody mends it.
 * - `waiting` it is away, or busy with itself.
 */
export const STORE_PROBLEMS = ['promise', 'settings', 'refusing', 'waiting'] as const;
export type StoreProblem = (typeof STORE_PROBLEMS)[number];

/** The state of a store, for metrics. */
export interface StoreState {
  readonly engine: 'redis' | 'embedded';
  /** The failures that a stored message survives. */
  readonly durability: 'disk' | 'quorum' | 'fast';
  /** Undefined while the store keeps its promise and takes writes. */
  readonly problem: StoreProblem | undefined;
}

/** Accounts, sessions, streams and groups on one engine. */
export interface Store {
  readonly accounts: Accounts;
  readonly apiKeys: ApiKeys;
  readonly sessions: Sessions;
  readonly streams: Streams;
  readonly feed: EventFeed;
  readonly webhooks: Webhooks;
  readonly held: Held;
  readonly groups: Groups;
  readonly conversations: ConversationRows;
  readonly blocks: Blocks;
  readonly scheduled: Scheduled;
  readonly limits: Limits;
  readonly bans: Bans;
  readonly logWishes: LogWishes;
  /** A description for people at the start, such as `embedded, durable on disk`. */
  readonly description: string;
  /**
   * Resolves when the engine has answered, keeps its promise and takes writes: at once, unless it was away at
   * the start. Rejects with one line when its settings are wrong; the program should then end.
   */
  readonly opened: Promise<void>;
  /**
   * Calls `listener` whenever the data may have gone back: another server has taken over, or a server was
   * restarted. Never called by an engine that cannot lose anything.
   */
  onSuccession(listener: () => void): void;
  /** The state as the last check found it. It asks no server. */
  state(): StoreState;
  /**
   * Copies all data into a new folder of this machine while the store goes on. An engine that is a server of
   * its own has its own way to do this.
   * @throws {Error} one line
   */
  readonly backUp?: (folder: string) => Promise<Backup>;
  /**
   * Checks the engine. Throws, with one line that says why, when it does not answer, takes no writes or
   * cannot keep its promise.
   */
  ping(): Promise<void>;
  /** Finishes the calls under way, then closes. Idempotent. */
  stop(): Promise<void>;
}
