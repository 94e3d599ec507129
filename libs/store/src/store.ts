import type { Accounts } from './accounts.ts';
import type { ApiKeys } from './api-keys.ts';
import type { Bans } from './bans.ts';
import type { Blocks } from './blocks.ts';
import type { ConversationRows } from './conversation-rows.ts';
import type { EventFeed } from './event-feed.ts';
import type { Groups } from './groups.ts';
import type { Limits } from './limits.ts';
import type { LogWishes } from './log-wishes.ts';
import type { Scheduled } from './scheduled.ts';
import type { Sessions } from './sessions.ts';
import type { Streams } from './streams.ts';
import type { Webhooks } from './webhooks.ts';

/**
 * What keeps a store from doing its work.
 * - `promise` it would take a send and not keep what it promises.
 * - `settings` a password, a permission or an address is wrong.
 * - `refusing` it takes no writes until somebody mends it.
 * - `waiting` it is away, or busy with itself.
 */
export const STORE_PROBLEMS = ['promise', 'settings', 'refusing', 'waiting'] as const;
export type StoreProblem = (typeof STORE_PROBLEMS)[number];

/** For metrics. */
export interface StoreState {
  readonly engine: 'redis' | 'embedded';
  /** What a stored message survives. */
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
  readonly groups: Groups;
  readonly conversations: ConversationRows;
  readonly blocks: Blocks;
  readonly scheduled: Scheduled;
  readonly limits: Limits;
  readonly bans: Bans;
  readonly logWishes: LogWishes;
  /** For people, at start: `embedded, durable on disk` */
  readonly description: string;
  /**
   * Resolves when the engine has answered, keeps its promise and takes writes: at once, unless it was away at the start.
   * Rejects with one line when its settings are wrong; the program should end then.
   */
  readonly opened: Promise<void>;
  /**
   * Calls `listener` whenever what the engine holds may have gone back: another server has taken over, or one was
   * started anew. Never called by an engine that cannot lose anything.
   */
  onSuccession(listener: () => void): void;
  /** As it was found last; asks nobody. */
  state(): StoreState;
  /** Throws, with one line that says why, when the engine does not answer, takes no writes or cannot keep its promise. */
  ping(): Promise<void>;
  /** Finishes what was begun, then closes. Idempotent. */
  stop(): Promise<void>;
}
