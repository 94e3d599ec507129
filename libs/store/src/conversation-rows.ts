import type { Seq, UserId } from '@cim/protocol';

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

/** What an adapter keeps of a user's private conversations (`conversations.ts` folds and answers). */
export interface ConversationRows {
  /** `folded`: all of the inbox up to here is in the rows. */
  load(user: UserId): Promise<{ readonly folded: Seq; readonly rows: readonly ConversationRow[] }>;
  /**
   * Writes rows if `folded` is still `before`; false when somebody else has folded meanwhile. Rows that are not named
   * stay. One step.
   */
  save(user: UserId, before: Seq, folded: Seq, rows: readonly ConversationRow[]): Promise<boolean>;
}
