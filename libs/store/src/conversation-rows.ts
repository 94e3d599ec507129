import type { Seq, UserId } from '@cim/protocol';
import type { Cursor } from './streams.ts';

/**
 * A private conversation of one user. It is made by folding the user's inbox, and can be thrown away and made
 * again.
 */
export interface ConversationRow {
  readonly peer: UserId;
  /** Name of the peer in its newest folded entry; '' when it has sent none. */
  readonly peerName: string;
  /** Newest message of either side. */
  readonly lastSeq: Seq;
  /** When it was stored [ms, the store's clock]. */
  readonly lastAt: number;
  /** `n` of the newest entry from the peer; 0 when there is none. */
  readonly lastN: number;
  /** Number of received entries that count as unread and are above `read`. */
  readonly unread: number;
  /** Read mark: the `n` of the user's inbox up to which the user has read this conversation. */
  readonly read: number;
}

/** The rows of a user as they were last saved. */
export interface SavedConversations {
  /** Number of saves of the user's rows; 0: never. */
  readonly revision: number;
  /** The rows contain the inbox up to this entry. Seq 0 with the id '': nothing is folded. */
  readonly folded: Cursor;
  readonly rows: readonly ConversationRow[];
}

/**
 * The rows of users' private conversations in a store. `private-conversations.ts` folds them, and
 * `conversations.ts` answers from them.
 */
export interface ConversationRows {
  load(user: UserId): Promise<SavedConversations>;
  /**
   * Writes rows, unless a save has come since `revision`. False: it has. Rows that are not named stay. One
   * step; it raises the revision by 1, also when only the rows or only `folded` change.
   */
  save(user: UserId, revision: number, folded: Cursor, rows: readonly ConversationRow[]): Promise<boolean>;
}
