import type { Seq, UserId } from '@cim/protocol';
import type { Cursor } from './streams.ts';

/** A private conversation as its user has it. Made by folding the user's inbox; it can be thrown away and made again. */
export interface ConversationRow {
  readonly peer: UserId;
  /** Name of the peer in the newest entry that it sent; '' when it has sent none that was folded. */
  readonly peerName: string;
  /** Newest message, of either side. */
  readonly lastSeq: Seq;
  /** ms, the store's clock. */
  readonly lastAt: number;
  /** `n` of the newest entry that the peer sent; 0 when there is none. */
  readonly lastN: number;
  /** Received and counting as unread above `read`. */
  readonly unread: number;
  /** Read mark: `n` of the user's inbox up to which the user has read this conversation. */
  readonly read: number;
}

/** Rows of a user, as they were saved last. */
export interface SavedConversations {
  /** How often rows of the user were saved; 0: never. */
  readonly revision: number;
  /** All of the inbox up to here is in the rows. Seq 0 with the id '': nothing is. */
  readonly folded: Cursor;
  readonly rows: readonly ConversationRow[];
}

/** What an adapter keeps of a user's private conversations (`conversations.ts` folds and answers). */
export interface ConversationRows {
  load(user: UserId): Promise<SavedConversations>;
  /**
   * Writes rows if nobody has saved any since `revision`; else false. Rows that are not named stay. One step, which
   * raises the revision by 1, also when only the rows or only `folded` change.
   */
  save(user: UserId, revision: number, folded: Cursor, rows: readonly ConversationRow[]): Promise<boolean>;
}
