import type { ProcessedRecord, SavedState } from '../state.ts';
import type { SavedSend } from '../send-journal.ts';
import type { Message, SendOutcome, StreamEvent } from '../events.ts';

/** A received entry with its cursor and the event that it is shown as, in the order of receipt. */
export interface Received extends ProcessedRecord {
  /** Its number in this installation, from 1. */
  readonly at: number;
  /** Absent for an entry that is not shown. */
  readonly event?: StreamEvent;
}

/** A send of a tab. Its producer is '' and its counter 0 until the owner of the connection has taken it. */
export interface KeptSend extends SavedSend {
  /** The outcome, stored for the tab that waits for it. */
  readonly outcome?: SendOutcome;
  /** When it ended [ms since 1970]. */
  readonly endedAt?: number;
}

/** A state that was saved as a whole, and the newest entry that it contains. */
export interface WholeState {
  readonly state: SavedState;
  readonly at: number;
}

/** The changes of one transaction. */
export interface Changes {
  readonly received: readonly Omit<Received, 'at'>[];
  readonly sends: readonly KeptSend[];
  readonly state: SavedState | undefined;
}

/** A question for messages of this installation. */
export interface ReceivedQuery {
  /** `u<userId>` or `g<groupId>` */
  readonly conversation: string;
  /** `at` of the oldest known message: older ones are answered. */
  readonly before?: number;
  /** Most messages; default 50. */
  readonly limit?: number;
}

/** A message that this installation has received, with its number `at`: pass it on as `before`. */
export type ReceivedMessage = Message & { readonly at: number };

/**
 * The data that the tabs of a user share: received entries, sends, and the state. Each method is one
 * transaction. A change is durable when its promise resolves.
 */
export interface Database {
  /** Whether the data survives the page, and other tabs see it. */
  readonly durable: boolean;
  /** The highest entry up to which tabs have shown all; 0: none. */
  shown(): Promise<number>;
  /** Raises the shown mark. */
  markShown(at: number): Promise<void>;
  /** Number of the newest entry; 0: there is none. */
  newest(): Promise<number>;
  /** Entries after `after`, oldest first. */
  received(after: number, limit: number): Promise<readonly Received[]>;
  /** Messages of a conversation, oldest first. */
  messages(query: ReceivedQuery): Promise<readonly ReceivedMessage[]>;
  /** @returns its ref */
  addSend(send: Omit<KeptSend, 'ref'>): Promise<number>;
  /** Sends with a ref above `after`, oldest first. */
  sends(after: number): Promise<readonly KeptSend[]>;
  removeSends(refs: readonly number[]): Promise<void>;
  load(): Promise<WholeState | undefined>;
  write(changes: Changes): Promise<void>;
  /** Removes entries up to `at` that were shown and that the state contains. */
  trim(at: number): Promise<void>;
  close(): void;
}
