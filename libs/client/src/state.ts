import type { MessageId, ProducerId, Seq, UserId } from '@cim/protocol';
import type { StreamEvent } from './events.ts';
import { type SendJournal, SendLedger } from './send-journal.ts';

/** The newest processed entry of a stream. */
export interface Cursor {
  /** Position in the stream. */
  readonly seq: Seq;
  /** Id of the entry there. */
  readonly id: MessageId;
}

export interface StoredCounter {
  readonly producer: ProducerId;
  readonly counter: number;
  /** Highest possible seq in the recipient's stream; 0 when it is not known. */
  readonly seq: number;
  /** When it was answered [ms since 1970]. */
  readonly at: number;
}

/** The state that survives a process, so that each message is shown once per installation. Plain JSON. */
export interface SavedState {
  /** The user of the state. */
  readonly userId: UserId;
  /** The user's name at the route. Absent in a state of an older version. */
  readonly userName?: string;
  /** Id of this installation: the first characters of its producer ids. '' in a state of an older version. */
  readonly device: string;
  /** Secret of the session. It lets this installation replace its own session, and is a credential. */
  readonly session: string;
  /**
   * Producer ids from before there was a device id, newest last. Group messages sent under them are this
   * installation's own too.
   */
  readonly producers: readonly ProducerId[];
  /** Key: stream name. Value: the newest counter that was answered as stored; 64 streams at most. */
  readonly stored: Readonly<Record<string, StoredCounter>>;
  /** Key: stream name. */
  readonly cursors: Readonly<Record<string, Cursor>>;
  /**
   * Key: stream name. Value: ids of the newest shown messages, oldest first, so that none is shown twice
   * after the store lost data.
   */
  readonly seen: Readonly<Record<string, readonly MessageId[]>>;
}

/** An entry that was processed: its listeners have succeeded, or it is not shown. */
export interface ProcessedRecord {
  /** Name of the stream. */
  readonly stream: string;
  /** Id of the entry. */
  readonly id: MessageId;
  /** The seq of the stream's new cursor; 0: the cursor has not moved. */
  readonly seq: Seq | 0;
}

/** A port: where a client stores its state. One client uses it at a time. */
export interface Storage {
  /** Loads the last saved state, if there is one. Called once, before the first connect. */
  load(): SavedState | undefined | Promise<SavedState | undefined>;
  /**
   * Replaces everything, also the noted processed entries. It is stored when the call returns, or when its
   * promise ends. It may fail: the client reports that and goes on.
   */
  save(state: SavedState): Promise<void> | undefined;
  /**
   * Adds a processed entry to the last saved state. It is stored when the call returns, or when its promise
   * ends; an entry that is not stored is not acknowledged. Without this method the client calls `save`,
   * before each ack and at the end of each turn of the event loop in which a message was processed.
   * @param event the event that the entry was offered as; undefined for one that is not offered
   */
  processed?(record: ProcessedRecord, event?: StreamEvent): Promise<void> | undefined;
  /** Where unanswered sends survive a crash. Absent: they end with the process. */
  readonly sends?: SendJournal;
  /** Called after the last save, or in the middle of `load`. Idempotent. */
  close(): void;
}

/** Number of saved ids of shown messages, for the inbox and for the lobby. */
export const SAVED_SEEN = 512;
/** The same for every other group: as many as may be processed and unacked. */
export const SAVED_SEEN_OF_GROUP = 64;
/** Number of records after which a state is saved as a whole. */
export const RECORDS_AT_MOST = 4_096;

/** The state with the entries processed since. */
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

/**
 * A state that ends with the process. Pass the same object to the next client to go on where the last one
 * stopped.
 */
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
