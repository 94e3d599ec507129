/**
 * Records on one machine that count only when they are on disk. `get` sees all writes at once: use it to
 * decide what to write next. `committed` sees only what is on disk: use it for answers. Writes that come
 * while a batch is being written go into the next batch together (group commit). When a batch fails, all
 * waiting writes fail with it and are forgotten, since they may be based on lost ones. The database is then
 * opened anew: LevelDB may have left half a record in its log and must not write behind it.
 */
import { type Logger, Slice } from '@cim/runtime';
import { LRUCache } from 'lru-cache';
import { type Database, damaged, openDatabase, reasonOf } from './database.ts';
import { BATCHES, type Key } from './keys.ts';
import { decodeRecord, encodeRecord } from './record-bytes.ts';
import type { BatchesRecord } from './records.ts';
import { Witness } from './witness.ts';

/** Called once: without an error when the writes are on disk, else with the reason why that is not known. */
export type Committed = (error?: Error) => void;
type Records = Map<string, { readonly value: unknown }>;
interface RowWrite {
  readonly key: string;
  /** undefined: delete the row. */
  readonly row: Uint8Array | undefined;
}

const RECENT_RECORDS = 50_000;
/**
 * Most rows of one read. LevelDB's binding allocates memory for all of them, and aborts the process when
 * there is none.
 */
const MAX_ROWS = 4_096;
/** What a copy of everything reads at once. */
const SNAPSHOT_ROWS = 1_000;
const SNAPSHOT_BYTES = 1024 * 1024;
const REOPEN_MS = 1_000;
/**
 * A batch costs as much as several texts. So after a batch with at least this many waiters the next one
 * begins `GATHER_MS` later at the earliest, and gathers more. With few waiters nothing waits.
 */
const BUSY_WAITERS = 12;
const GATHER_MS = 2;

export class Ledger {
  readonly #dir: string;
  readonly #logger: Logger;
  /** Key: database key. The records on disk that were used last; absent ones too. Bounded by size. */
  readonly #recent = new LRUCache<string, { readonly value: unknown }>({ max: RECENT_RECORDS });
  #database: Database;
  /** Why nothing can be read or written at present; undefined when all is well. */
  #broken: Error | undefined;
  #onFailure: () => void = () => undefined;
  #closing: Promise<void> | undefined;
  #reopening: Promise<void> | undefined;
  #reopenTimer: NodeJS.Timeout | undefined;
  /** Key: database key. Value: the writes of the batch that is being written. Empty between batches. */
  #writing: Records = new Map();
  /** Key: database key. Value: the writes of the next batch. */
  #next: Records = new Map();
  #nextRows: RowWrite[] = [];
  #waiters: Committed[] = [];
  #phase: 'idle' | 'scheduled' | 'writing' = 'idle';
  /** Waiters whose batch has ended, in order. `#callBack` empties it in slices. */
  #ended: { readonly done: Committed; readonly error: Error | undefined }[] = [];
  #calls = false;
  /** The last run of `#callBack`. */
  #calling: Promise<void> | undefined;
  /** The next batch gathers until this time [ms, monotonic]. */
  #gathersUntil = 0;
  readonly #flush = (): void => void this.#writeBatch();

  /** Number of batches ever begun, failed ones included. */
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
   * Opens the ledger of a folder.
   * @param acceptLoss whether a damaged folder is opened too, with the data that can be read
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

  /** Whether nothing can be read or written at present. */
  get broken(): boolean {
    return this.#broken !== undefined;
  }

  /** Calls `listener` for each batch that failed. */
  onFailure(listener: () => void): void {
    this.#onFailure = listener;
  }

  get closing(): boolean {
    return this.#closing !== undefined;
  }

  /** The record as last written, on disk or not. */
  get<T>(key: Key<T>): T | undefined {
    const written = this.#next.get(key) ?? this.#writing.get(key);
    return written === undefined ? this.committed(key) : (written.value as T | undefined);
  }

  /** The record as it is on disk. */
  committed<T>(key: Key<T>): T | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent.value as T | undefined;
    const bytes = this.#usable().getSync(key);
    const value = bytes === undefined ? undefined : (decodeRecord(bytes) as T);
    this.#recent.set(key, { value });
    return value;
  }

  /** Writes a record; `undefined` deletes it. Call `commit` or `onCommit` afterwards in the same turn. */
  put<T>(key: Key<T>, value: T | undefined): void {
    this.#next.set(key, { value });
  }

  /** Writes a row, which is bytes. Rows are read from the disk and not remembered here. */
  putRow(key: string, row: Uint8Array): void {
    this.#nextRows.push({ key, row });
  }

  deleteRow(key: string): void {
    this.#nextRows.push({ key, row: undefined });
  }

  /** Calls back in a later turn, when everything that was written and read so far is on disk, or is lost. */
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

  /** Rows that are on disk, in order. Stops early when it has about `maxBytes`, after one row at least. */
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

  /** Every row as it is on disk at this moment, in order, whatever is written meanwhile. */
  async *snapshot(): AsyncGenerator<[key: string, row: Uint8Array]> {
    const iterator = this.#usable().iterator({ highWaterMarkBytes: SNAPSHOT_BYTES });
    try {
      for (;;) {
        const rows = await iterator.nextv(SNAPSHOT_ROWS);
        if (rows.length === 0) return;
        yield* rows;
      }
    } finally {
      await iterator.close();
    }
  }

  /**
   * Deletes rows that nobody reads any more, once all earlier writes are on disk. A crash may leave some of
   * them.
   */
  clearLater(range: { readonly gte: string; readonly lt: string }): void {
    this.onCommit((error) => {
      if (error !== undefined || this.#broken !== undefined) return;
      this.#database.clear(range).catch((cause: unknown) => {
        this.#logger.warn({ err: cause }, 'store.sweep-failed');
      });
    });
  }

  /** Checks that the disk takes writes. @throws {Error} one line that says why it does not */
  async ping<T>(anyKey: Key<T>): Promise<void> {
    await this.#usable().get(anyKey);
  }

  /** Writes what waits, then closes. Later writes are answered as lost. */
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
    // A chained batch costs a tenth of `batch([...])`, which copies each operation twice.
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
      // `close` has begun. It waits for this, and then closes what is open.
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

  /** Calls back in the order of the calls, in slices, since a callback may push to many sessions. */
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
          // The fault of one caller must not hold up the others.
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

/** The number in the record; 0 when there is none, or it is damaged. */
function countOf(record: Uint8Array | undefined): number {
  try {
    return record === undefined ? 0 : (decodeRecord(record) as BatchesRecord).count;
  } catch {
    return 0;
  }
}
