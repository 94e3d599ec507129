import type { Accounts } from './accounts.ts';
import type { Blocks } from './blocks.ts';
import type { ConversationRows } from './conversation-rows.ts';
import type { Groups } from './groups.ts';
import type { Sessions } from './sessions.ts';
import type { Streams } from './streams.ts';

/** Accounts, sessions, streams and groups on one engine. */
export interface Store {
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly streams: Streams;
  readonly groups: Groups;
  readonly conversations: ConversationRows;
  readonly blocks: Blocks;
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
  /** Throws, with one line that says why, when the engine does not answer, takes no writes or cannot keep its promise. */
  ping(): Promise<void>;
  /** Finishes what was begun, then closes. Idempotent. */
  stop(): Promise<void>;
}
