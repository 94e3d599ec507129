import type { MessageId, ProducerId, Seq, UserId } from '@cim/protocol';
import type { StreamEvent } from './events.ts';
import { type SendJournal, SendLedger } from './send-journal.ts';

/** The newest entry of a stream that was processed. */
export interface Cursor {
  /** Position in the stream. */
  readonly seq: Seq;
  /** Id of the entry there. */
  readonly id: MessageId;
}

export interface StoredCounter {
  readonly producer: ProducerId;
  readonly counter: number;
  /** In the recipient's stream, at most; 0 when it is not known. */
  readonly seq: number;
  /** ms since 1970. */
  readonly at: number;
}

/** What outlives a process, so that each message is shown once per installation. Plain JSON. */
export interface SavedState {
  /** Whose state it is. */
  readonly userId: UserId;
  /** As the route has it. Absent in a state of an older version. */
  readonly userName?: string;
  /** Names this installation: the first characters of its producer ids. '' in a state of an older version. */
  readonly device: string;
  /** Lets this installation replace its own session; a credential. */
  readonly session: string;
  /** Producer ids of before there was a device, newest last: group messages sent under them are its own too. */
  readonly producers: readonly ProducerId[];
  /** By stream name: the newest counter that was answered as stored; 64 at most. */
  readonly stored: Readonly<Record<string, StoredCounter>>;
  /** By stream name. */
  readonly cursors: Readonly<Record<string, Cursor>>;
  /** By stream name: ids of the newest messages shown, oldest first, so that none is shown twice after the store lost data. */
  readonly seen: Readonly<Record<string, readonly MessageId[]>>;
}

/** An entry was processed: it was shown and its listeners have succeeded, or it is not one to be shown. */
export interface ProcessedRecord {
  /** Name of the stream. */
  readonly stream: string;
  /** Of the entry. */
  readonly id: MessageId;
  /** The stream's cursor is (seq, id) now; 0: its cursor has not moved. */
  readonly seq: Seq | 0;
}

/** Where a client keeps its state: a port. One client at a time. */
export interface Storage {
  /** What was saved last, if anything; asked once, before the first connect. */
  load(): SavedState | undefined | Promise<SavedState | undefined>;
  /**
   * Replaces all, also what was noted as processed; kept when it returns, or when its promise ends. May fail: the client says
   * so and goes on.
   */
  save(state: SavedState): Promise<void> | undefined;
  /**
   * Adds to the state that was saved last; called for each entry, and kept when it returns, or when its promise ends. What is
   * not kept is not acknowledged. Without it the client calls `save`, before each ack and at the end of each turn of the event
   * loop in which a message was processed.
   * @param event what the entry was offered as; undefined for one that is not offered
   */
  processed?(record: ProcessedRecord, event?: StreamEvent): Promise<void> | undefined;
  /** Where unanswered sends outlive a crash; without it they end with the process. */
  readonly sends?: SendJournal;
  /** After the last save, or in the middle of `load`. Idempotent. */
  close(): void;
}

/** Ids of shown messages that are saved, newest of the inbox and of the lobby. */
export const SAVED_SEEN = 512;
/** The same of every other group: as many as may be processed and not acked. */
export const SAVED_SEEN_OF_GROUP = 64;
/** Records that are added before a state is saved as a whole. */
export const RECORDS_AT_MOST = 4_096;

/** The state with what was processed since. */
export function withProcessed(state: SavedState, records: readonly ProcessedRecord[]): SavedState {
  const cursors: Record<string, Cursor> = { ...state.cursors };
  const seen: Record<string, MessageId[]> = {};
  for (const { stream, id, seq } of records) {
    if (seq !== 0) cursors[stream] = { seq, id };
    (seen[stream] ??= [...(state.seen[stream] ?? [])]).push(id);
  }
  for (const [stream, ids] of Object.entries(seen)) seen[stream] = ids.slice(-SAVED_SEEN);
  return { ...state, cursors, seen: { ...state.seen, ...seen } };
}

/** Forgotten with the process. Hand the same object to the next client to go on where the last one stopped. */
export function memoryState(): Storage {
  let saved: SavedState | undefined;
  let records: ProcessedRecord[] = [];
  let of: UserId | undefined;
  let ledger = new SendLedger();
  const fold = (): SavedState | undefined => {
    if (saved !== undefined) saved = withProcessed(saved, records);
    records = [];
    return saved;
  };
  return {
    sends: {
      open(user) {
        if (of === user) return ledger.saved();
        of = user;
        ledger = new SendLedger();
        return [];
      },
      note(record) {
        ledger.apply(record);
        return undefined;
      },
    },
    load: fold,
    save(state) {
      saved = state;
      records = [];
      return undefined;
    },
    processed(record) {
      records.push(record);
      if (records.length >= RECORDS_AT_MOST) fold();
      return undefined;
    },
    close: () => undefined,
  };
}
