import type { ProcessedRecord, SavedState } from '../state.ts';
import type { SavedSend } from '../send-journal.ts';
import type { Message, SendOutcome, StreamEvent } from '../events.ts';

/** An entry that was received, in the order received: with its cursor, and what it is shown as. */
export interface Received extends ProcessedRecord {
  /** Its place in this installation, from 1. */
  readonly at: number;
  /** Absent for an entry that is not shown. */
  readonly event?: StreamEvent;
}

/** A send that a tab has made. Its number is '' and 0 until the tab that owns the connection has taken it. */
export interface KeptSend extends SavedSend {
  /** How it ended; kept for the tab that waits for it. */
  readonly outcome?: SendOutcome;
  /** When it ended, ms since 1970. */
  readonly endedAt?: number;
}

/** A state that was saved as a whole, and the newest entry that it knows of. */
export interface WholeState {
  readonly state: SavedState;
  readonly at: number;
}

/** What one transaction changes. */
export interface Changes {
  readonly received: readonly Omit<Received, 'at'>[];
  readonly sends: readonly KeptSend[];
  readonly state: SavedState | undefined;
}

/** What messages of this installation are asked for. */
export interface ReceivedQuery {
  /** `u<userId>` or `g<groupId>` */
  readonly conversation: string;
  /** The `at` of the oldest one that is known: older ones. */
  readonly before?: number;
  /** At most; default 50. */
  readonly limit?: number;
}

/** A message that this installation has received, and its place: pass it on as `before`. */
export type ReceivedMessage = Message & { readonly at: number };

/**
 * What the tabs of a user share: entries received, sends, and the state. Each method is one transaction; those that change
 * something are kept when their promise resolves.
 */
export interface Database {
  /** Whether it outlives the page, and other tabs see it. */
  readonly durable: boolean;
  /** Up to where entries were shown by a tab, at least; 0: none was. */
  shown(): Promise<number>;
  /** Raises it. */
  markShown(at: number): Promise<void>;
  /** The newest entry; 0: there is none. */
  newest(): Promise<number>;
  /** Entries behind `after`, oldest first. */
  received(after: number, limit: number): Promise<readonly Received[]>;
  /** Messages of a conversation, oldest first. */
  messages(query: ReceivedQuery): Promise<readonly ReceivedMessage[]>;
  /** @returns its ref */
  addSend(send: Omit<KeptSend, 'ref'>): Promise<number>;
  /** Those behind the ref `after`, oldest first. */
  sends(after: number): Promise<readonly KeptSend[]>;
  removeSends(refs: readonly number[]): Promise<void>;
  load(): Promise<WholeState | undefined>;
  write(changes: Changes): Promise<void>;
  /** Removes entries up to `at` that were shown, and that the state knows of. */
  trim(at: number): Promise<void>;
  close(): void;
}
