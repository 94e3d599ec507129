import { type Counters, type SendJournal, SendLedger } from './send-journal.ts';
import type { MessageId, ProducerId, Seq, UserId } from '@cim/protocol';

/** The newest entry of a stream that was shown. */
export interface Cursor {
  readonly seq: Seq;
  readonly id: MessageId;
}

export interface StoredCounter {
  readonly producer: ProducerId;
  readonly counter: number;
  readonly at: number;
}

/** What outlives a process, so that each message is shown once per installation. Plain JSON. */
export interface SavedState {
  readonly userId: UserId;
  /** Lets this installation replace its own session; a credential. */
  readonly session: string;
  /** Producer ids of this installation, newest last: its own group messages are not shown to it again. */
  readonly producers: readonly ProducerId[];
  /** By stream name: where counting goes on, without a journal. Only what a clean close wrote is trusted; see `Outbox`. */
  readonly counters: Counters;
  /** By stream name: the newest counter that was answered as stored, and when, ms since 1970; 64 at most. */
  readonly stored: Readonly<Record<string, StoredCounter>>;
  /** By stream name. */
  readonly cursors: Readonly<Record<string, Cursor>>;
  /** By stream name: ids of the newest messages shown, oldest first, so that none is shown twice after the store lost data. */
  readonly seen: Readonly<Record<string, readonly MessageId[]>>;
}

/** Where a client keeps its state. One client at a time. */
export interface ClientState {
  /** What was saved last, if anything; asked once, before the first connect. */
  load(): SavedState | undefined | Promise<SavedState | undefined>;
  /** Called at most a few times a second. May throw: the client says so and goes on. */
  save(state: SavedState): void;
  /** Where unanswered sends outlive a crash; without it they end with the process. */
  readonly sends?: SendJournal;
  /** After the last save. Idempotent. */
  close(): void;
}

/** Forgotten with the process. Hand the same object to the next client to go on where the last one stopped. */
export function memoryState(): ClientState {
  let saved: SavedState | undefined;
  let of: UserId | undefined;
  let ledger = new SendLedger();
  return {
    sends: {
      open(user) {
        if (of === user) return ledger.saved();
        of = user;
        ledger = new SendLedger();
        return undefined;
      },
      note: (record) => ledger.apply(record),
    },
    load: () => saved,
    save: (state) => {
      saved = state;
    },
    close: () => undefined,
  };
}
