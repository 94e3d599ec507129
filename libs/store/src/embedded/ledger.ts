/**
 * Records on one machine that are on disk before they count.
 *
 * `get` sees all writes at once, for who decides what to write next; `committed` only what is on disk, for who answers.
 * Writes that come while a batch is on its way to the disk travel in the next one together (group commit).
 *
 * When a batch fails, all that waits fails with it and is forgotten: it may have been built on what was lost. The
 * database is opened anew then, because LevelDB may have left half a record in its log and must not write behind it.
 */
import { type Logger, Slice } from '@cim/runtime';
import { LRUCache } from 'lru-cache';
import { type Database, damaged, openDatabase, reasonOf } from './database.ts';
import { BATCHES, type Key } from './keys.ts';
import { decodeRecord, encodeRecord } from './record-bytes.ts';
import type { BatchesRecord } from './records.ts';
import { Witness } from './witness.ts';

/** Called once: nothing, or why nothing of it is known to be on disk. */
export type Committed = (error?: Error) => void;
type Records = Map<string, { readonly value: unknown }>;
interface RowWrite {
  readonly key: string;
  /** undefined: delete. */
  readonly row: Uint8Array | undefined;
}

const RECENT_RECORDS = 50_000;
/** LevelDB's binding makes room for as many as it is asked for, and aborts the process when there is none. */
const MAX_ROWS = 4_096;
const REOPEN_MS = 1_000;
/**
 * Each batch costs as much as some texts: one with so many that wait for it is followed by another one after this time
 * at the earliest, in ms, so that what comes meanwhile gathers. Where little comes nothing waits.
 */
const BUSY_WAITERS = 12;
const GATHER_MS = 2;

export class Ledger {
  readonly #dir: string;
  readonly #logger: Logger;
  /** Records that are on disk and were used last; absent ones too. */
  readonly #recent = new LRUCache<string, { readonly value: unknown }>({ max: RECENT_RECORDS });
  #database: Database;
  /** Why nothing can be read or written at the moment. */
  #broken: Error | undefined;
  #onFailure: () => void = () => undefined;
  #closing: Promise<void> | undefined;
  #reopening: Promise<void> | undefined;
  #reopenTimer: NodeJS.Timeout | undefined;
  /** Key: database key. What the batch that is being written holds; empty between batches. */
  #writing: Records = new Map();
  /** Key: database key. What the next batch will hold. */
  #next: Records = new Map();
  #nextRows: RowWrite[] = [];
  #waiters: Committed[] = [];
  #phase: 'idle' | 'scheduled' | 'writing' = 'idle';
  /** Waiters whose batch has ended, in order; emptied in slices by `#callBack`. */
  #ended: { readonly done: Committed; readonly error: Error | undefined }[] = [];
  #calls = false;
  /** The last run of `#callBack`. */
  #calling: Promise<void> | undefined;
  /** ms, monotonic: until then what comes gathers. */
  #gathersUntil = 0;
  readonly #flush = (): void => void this.#writeBatch();

  /** Batches that were begun, ever: those that failed count too. */
  #batches: number;
  readonly #witness: Witness;

  private constructor(dir: string, logger: Logger, database: Database, batches: number) {
    this.#dir = dir;
    this.#logger = logger;
    this.#database = database;
    this.#batches = batches;
    this.#witness = Witness.open(dir, batches);
  }

  /**
   * @param acceptLoss opens a damaged folder too, with what can be read of it
   * @throws {Error} one line that says what to do
   */
  static async open(dir: string, logger: Logger, acceptLoss = false): Promise<Ledger> {
    const database = await openDatabase(dir, acceptLoss);
    try {
      const record = await database.get(BATCHES).catch((error: unknown) => {
        if (!acceptLoss) throw damaged(dir, reasonOf(error), error);
        return undefined;
      });
      const inDatabase = countOf(record);
      const answered = Witness.read(dir);
      const isWhole = answered === undefined ? record === undefined : answered <= inDatabase;
      if (!isWhole && !acceptLoss)
        throw damaged(
          dir,
          answered === undefined ? 'the file batches is missing' : 'the newest records are missing',
        );
      return new Ledger(dir, logger, database, Math.max(inDatabase, answered || 0));
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  /** Nothing can be read or written at the moment. */
  get broken(): boolean {
    return this.#broken !== undefined;
  }

  /** Calls `listener` for each batch that was not written. */
  onFailure(listener: () => void): void {
    this.#onFailure = listener;
  }

  get closing(): boolean {
    return this.#closing !== undefined;
  }

  /** As last written, on disk or not. */
  get<T>(key: Key<T>): T | undefined {
    const written = this.#next.get(key) ?? this.#writing.get(key);
    return written === undefined ? this.committed(key) : (written.value as T | undefined);
  }

  /** As it is on disk. */
  committed<T>(key: Key<T>): T | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent.value as T | undefined;
    const bytes = this.#usable().getSync(key);
    const value = bytes === undefined ? undefined : (decodeRecord(bytes) as T);
    this.#recent.set(key, { value });
    return value;
  }

  /** `undefined` deletes. Follow it by `commit` or `onCommit` in the same turn. */
  put<T>(key: Key<T>, value: T | undefined): void {
    this.#next.set(key, { value });
  }

  /** A row is bytes: read from disk, never held here. */
  putRow(key: string, row: Uint8Array): void {
    this.#nextRows.push({ key, row });
  }

  deleteRow(key: string): void {
    this.#nextRows.push({ key, row: undefined });
  }

  /** Calls back, on a later turn, when all that was written and read here so far is on disk, or is lost. */
  onCommit(done: Committed): void {
    this.#waiters.push(done);
    this.#schedule();
  }

  commit(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.onCommit((error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  /** A row that is on disk. */
  row(key: string): Uint8Array | undefined {
    return this.#usable().getSync(key);
  }

  /** Rows that are on disk, in order; stops early, after at least one, when it has about `maxBytes`. */
  async rows(
    range: { readonly gte: string; readonly lt: string },
    limit: number,
    maxBytes: number,
  ): Promise<[key: string, row: Uint8Array][]> {
    if (!(limit > 0)) return [];
    const iterator = this.#usable().iterator({ ...range, highWaterMarkBytes: maxBytes });
    try {
      return await iterator.nextv(Math.min(limit, MAX_ROWS));
    } finally {
      await iterator.close();
    }
  }

  /** Deletes rows that nobody reads any more, once all that was written here so far is on disk. A crash may leave some. */
  clearLater(range: { readonly gte: string; readonly lt: string }): void {
    this.onCommit((error) => {
      if (error !== undefined || this.#broken !== undefined) return;
      this.#database.clear(range).catch((cause: unknown) => {
        this.#logger.warn({ err: cause }, 'store.sweep-failed');
      });
    });
  }

  /** @throws {Error} one line that says why nothing can be stored */
  async ping<T>(anyKey: Key<T>): Promise<void> {
    await this.#usable().get(anyKey);
  }

  /** Writes what waits, then closes; what comes later is answered as lost. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#reopenTimer);
    while (this.#phase !== 'idle') await this.commit().catch(() => undefined);
    await this.#calling;
    this.#broken = new Error('the store is closed');
    await this.#reopening;
    await this.#database.close();
    this.#witness.close();
  }

  #usable(): Database {
    if (this.#broken !== undefined) throw this.#broken;
    return this.#database;
  }

  #schedule(): void {
    if (this.#phase !== 'idle') return;
    this.#phase = 'scheduled';
    const left = this.#gathersUntil - performance.now();
    if (left > 0) setTimeout(this.#flush, left);
    else setImmediate(this.#flush);
  }

  async #writeBatch(): Promise<void> {
    const waiters = this.#waiters;
    const rows = this.#nextRows;
    this.#writing = this.#next;
    this.#waiters = [];
    this.#nextRows = [];
    this.#next = new Map();
    this.#phase = 'writing';
    this.#gathersUntil = waiters.length < BUSY_WAITERS ? 0 : performance.now() + GATHER_MS;
    try {
      await this.#store(rows, this.#writing);
    } catch (cause) {
      this.#fail(waiters, cause);
      return;
    }
    for (const [key, written] of this.#writing) this.#recent.set(key, written);
    this.#writing = new Map();
    this.#phase = 'idle';
    if (this.#waiters.length > 0) this.#schedule();
    this.#answer(waiters, undefined);
  }

  async #store(rows: readonly RowWrite[], records: Records): Promise<void> {
    const database = this.#usable();
    if (rows.length + records.size === 0) return;
    // A chained batch costs the event loop a tenth of `batch([...])`, which copies each operation twice.
    const batch = database.batch();
    const slice = new Slice();
    for (const { key, row } of rows) {
      if (row === undefined) batch.del(key);
      else batch.put(key, row);
      if (slice.over) await slice.next();
    }
    for (const [key, { value }] of records) {
      if (value === undefined) batch.del(key);
      else batch.put(key, encodeRecord(value));
      if (slice.over) await slice.next();
    }
    const count = ++this.#batches;
    batch.put(BATCHES, encodeRecord({ count } satisfies BatchesRecord));
    await batch.write({ sync: true });
    this.#witness.write(count);
  }

  #fail(waiters: readonly Committed[], cause: unknown): void {
    const later = this.#waiters;
    this.#waiters = [];
    this.#nextRows = [];
    this.#next = new Map();
    this.#writing = new Map();
    this.#recent.clear();
    this.#phase = 'idle';
    this.#onFailure();
    if (this.#broken === undefined) {
      this.#broken = unwritable(this.#dir, cause);
      this.#logger.error({ err: cause, dir: this.#dir }, 'store.write-failed');
      this.#reopening = this.#reopen();
    }
    const error = this.#broken;
    this.#answer(waiters, error);
    this.#answer(later, error);
  }

  async #reopen(): Promise<void> {
    try {
      await this.#database.close();
      this.#database = await openDatabase(this.#dir);
      // `close` has begun: it waits for this, and then closes what is open.
      if (this.closing) return;
      this.#broken = undefined;
      this.#logger.info({ dir: this.#dir }, 'store.reopened');
    } catch (error) {
      if (this.closing) return;
      this.#broken = error instanceof Error ? error : unwritable(this.#dir, error);
      this.#reopenTimer = setTimeout(() => {
        this.#reopening = this.#reopen();
      }, REOPEN_MS);
      this.#reopenTimer.unref();
    }
  }

  /** Calls back in the order of the calls. A callback may push to many sessions, so that this is done in slices. */
  #answer(waiters: readonly Committed[], error: Error | undefined): void {
    for (const done of waiters) this.#ended.push({ done, error });
    if (this.#calls) return;
    this.#calls = true;
    this.#calling = this.#callBack();
  }

  async #callBack(): Promise<void> {
    const slice = new Slice();
    while (this.#ended.length > 0) {
      const ended = this.#ended;
      this.#ended = [];
      for (const { done, error } of ended) {
        try {
          done(error);
        } catch (thrown) {
          // One caller's mistake must not keep the others waiting.
          this.#logger.error({ err: thrown }, 'store.callback-failed');
        }
        if (slice.over) await slice.next();
      }
    }
    this.#calls = false;
  }
}

function unwritable(dir: string, cause: unknown): Error {
  const reason = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0] ?? '';
  return new Error(`the data folder ${dir} cannot be written: ${reason}`, { cause });
}

/** 0: there is none, or it is damaged. */
function countOf(record: Uint8Array | undefined): number {
  try {
    return record === undefined ? 0 : (decodeRecord(record) as BatchesRecord).count;
  } catch {
    return 0;
  }
}
