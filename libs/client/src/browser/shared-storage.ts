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
  /** Called when entries are stored: tabs may show them. */
  received(): void;
  /** Called when ended sends are stored. */
  ended(sends: readonly KeptSend[]): void;
  /** Called when the database cannot be written: once until it works again. */
  failed(error: unknown): void;
}

/** Wait before a failed write is tried again [ms]. */
const AGAIN_MS = 1_000;
/** Number of entries that stay, for tabs that were asleep and for `received`. */
const KEPT = 20_000;
/** The outcome of a send waits for this long for the tab that made it [ms]. */
const OUTCOME_KEPT_MS = 24 * 3_600_000;

/**
 * The storage of the client in the tab that owns the connection. Changes that come during a transaction go
 * into the next one, in order. Received entries with their cursors, sends, and the state are stored together
 * or not at all.
 */
export class SharedStorage implements Storage {
  readonly sends: SendJournal;
  /** Ref of the newest send that the client has taken. */
  takenUpTo = 0;
  readonly #parts: SharedStorageParts;
  /** Key: ref. Unanswered sends, as they are or will be stored. Removed with their outcome. */
  readonly #open = new Map<number, KeptSend>();
  #received: Omit<Received, 'at'>[] = [];
  #changed = new Map<number, KeptSend>();
  #state: SavedState | undefined;
  /** The promise of the writes that are not under way yet. */
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

  /** The state that was saved as a whole, with the entries received since. */
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
    // A state that waits for the same transaction contains everything in it.
    if (this.#state !== undefined) this.#state = withProcessed(this.#state, [{ stream, id, seq }]);
    return this.#write();
  }

  /** Ends a send that was refused before it had a number. */
  end(send: KeptSend): void {
    this.#changed.set(send.ref, send);
    void this.#write();
  }

  close(): void {
    // The writes that are under way end by themselves: `idle`.
  }

  /** Resolves when everything given to it is stored. */
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
      // The bytes may be a view of a larger buffer, all of which would be stored.
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
    // Waits, so that all changes of this turn of the event loop go together.
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
