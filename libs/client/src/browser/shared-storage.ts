import type { StreamEvent } from '../events.ts';
import type { SavedSend, SendJournal, SendRecord } from '../send-journal.ts';
import {
  type ProcessedRecord,
  RECORDS_AT_MOST,
  type SavedState,
  type Storage,
  withProcessed,
} from '../state.ts';
import type { Timers } from '../timers.ts';
import type { Database, KeptSend, Received } from './database.ts';

export interface SharedStorageParts {
  readonly database: Database;
  readonly timers: Timers;
  /** Entries are kept: tabs may show them. */
  received(): void;
  /** Sends are kept as ended. */
  ended(sends: readonly KeptSend[]): void;
  /** It cannot be written. Told once until it works again. */
  failed(error: unknown): void;
}

/** A write that has failed is tried again so much later [ms]. */
const AGAIN_MS = 1_000;
/** Entries that stay for tabs that were asleep, and for `received`. */
const KEPT = 20_000;
/** For so long the outcome of a send waits for the tab that made it [ms]. */
const OUTCOME_KEPT_MS = 24 * 3_600_000;

/**
 * The state of the client in the tab that owns the connection. All that is to be written while a transaction is under way goes
 * into the next one, in order: entries received with their cursors, sends, and the state are kept together or not at all.
 */
export class SharedStorage implements Storage {
  readonly sends: SendJournal;
  /** The newest send that the client has taken. */
  takenUpTo = 0;
  readonly #parts: SharedStorageParts;
  /** Unanswered sends, as they are kept or will be. */
  readonly #open = new Map<number, KeptSend>();
  #received: Omit<Received, 'at'>[] = [];
  #changed = new Map<number, KeptSend>();
  #state: SavedState | undefined;
  /** Of the writes that are not under way yet. */
  #next: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #writing = false;
  #failing = false;
  #idle: Promise<void> = Promise.resolve();

  constructor(parts: SharedStorageParts) {
    this.#parts = parts;
    this.sends = {
      open: () => this.#openSends(),
      note: (record) => this.#note(record),
    };
  }

  /** What was saved as a whole, and what was received since. */
  async load(): Promise<SavedState | undefined> {
    const { database } = this.#parts;
    const whole = await database.load();
    if (whole === undefined) return undefined;
    let { state } = whole;
    for (let after = whole.at; ; ) {
      const rows = await database.received(after, RECORDS_AT_MOST);
      if (rows.length === 0) return state;
      state = withProcessed(state, rows);
      after = rows.at(-1)?.at ?? after;
    }
  }

  save(state: SavedState): Promise<void> {
    this.#state = state;
    return this.#write();
  }

  processed({ stream, id, seq }: ProcessedRecord, event: StreamEvent | undefined): Promise<void> {
    this.#received.push({ stream, id, seq, ...(event !== undefined && { event }) });
    // A state that waits for the same transaction knows of all that is in it.
    if (this.#state !== undefined) this.#state = withProcessed(this.#state, [{ stream, id, seq }]);
    return this.#write();
  }

  /** The send will not be made: it was refused before it had a number. */
  end(send: KeptSend): void {
    this.#changed.set(send.ref, send);
    void this.#write();
  }

  close(): void {
    // The writes that are under way end by themselves: `idle`.
  }

  /** When all that was given to it is kept. */
  async idle(): Promise<void> {
    while (this.#writing || this.#next !== undefined) await this.#idle;
  }

  async #openSends(): Promise<readonly SavedSend[]> {
    const { database, timers } = this.#parts;
    const [sends, newest] = await Promise.all([database.sends(0), database.newest()]);
    this.takenUpTo = sends.at(-1)?.ref ?? 0;
    const old = sends.filter(({ endedAt = Infinity }) => endedAt < timers.time() - OUTCOME_KEPT_MS);
    await database.removeSends(old.map(({ ref }) => ref));
    await database.trim(newest - KEPT);
    for (const send of sends) if (send.outcome === undefined) this.#open.set(send.ref, send);
    return [...this.#open.values()];
  }

  #note(record: SendRecord): Promise<void> | undefined {
    const { ref } = record;
    if (record.kind === 'offered') {
      const { to, group, offeredAt, after, producer, counter } = record;
      // The bytes may be a part of something larger, all of which would be kept.
      const content = record.content.slice();
      this.#put({ ref, to, group, offeredAt, after, content, producer, counter });
    } else {
      const send = this.#open.get(ref);
      if (send === undefined) return undefined;
      if (record.kind === 'numbered')
        this.#put({ ...send, producer: record.producer, counter: record.counter });
      else {
        this.#open.delete(ref);
        const { outcome } = record;
        const endedAt = this.#parts.timers.time();
        this.#changed.set(ref, { ...send, content: new Uint8Array(), endedAt, ...(outcome && { outcome }) });
      }
    }
    return this.#write();
  }

  #put(send: KeptSend): void {
    this.#open.set(send.ref, send);
    this.#changed.set(send.ref, send);
  }

  #write(): Promise<void> {
    if (this.#next === undefined) {
      let resolve: () => void = () => undefined;
      const promise = new Promise<void>((done) => (resolve = done));
      this.#next = { promise, resolve };
      if (!this.#writing) this.#idle = this.#run();
    }
    return this.#next.promise;
  }

  async #run(): Promise<void> {
    this.#writing = true;
    // All of this turn of the event loop goes together.
    await Promise.resolve();
    for (let next = this.#next; next !== undefined; next = this.#next) {
      this.#next = undefined;
      const changes = { received: this.#received, sends: [...this.#changed.values()], state: this.#state };
      this.#received = [];
      this.#changed = new Map();
      this.#state = undefined;
      while (!(await this.#tried(changes))) await this.#pause();
      next.resolve();
      if (changes.received.length > 0) this.#parts.received();
      const ended = changes.sends.filter(({ outcome }) => outcome !== undefined);
      if (ended.length > 0) this.#parts.ended(ended);
    }
    this.#writing = false;
  }

  async #tried(changes: Parameters<Database['write']>[0]): Promise<boolean> {
    try {
      await this.#parts.database.write(changes);
      this.#failing = false;
      return true;
    } catch (error) {
      if (!this.#failing) this.#parts.failed(error);
      this.#failing = true;
      return false;
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#parts.timers.after(AGAIN_MS, resolve));
  }
}
