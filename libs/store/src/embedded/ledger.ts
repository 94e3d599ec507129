/**
 * A key-value store on one machine whose writes are on disk before they count.
 *
 * Reads see all writes at once; `commit` says when they are safe. Writes that wait while a batch is on its way to the
 * disk travel in the next one together (group commit). When a batch fails, all that waited fails with it and is
 * forgotten: nothing that was built on it can be written later.
 */
import { ClassicLevel } from 'classic-level';

type Value = Readonly<Record<string, unknown>>;
type Operation = { readonly type: 'put'; key: string; value: Uint8Array } | { readonly type: 'del'; key: string };

interface Known {
  /** undefined: known to be absent. */
  readonly value: Value | undefined;
  /** The batch that carries its last write; 0 when that is on disk. */
  batch: number;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const KNOWN_VALUES = 50_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Ledger {
  readonly #db: ClassicLevel<string, Uint8Array>;
  /** Key: database key, oldest first. What was read or written lately; evicted beyond a bound once on disk. */
  readonly #known = new Map<string, Known>();
  #operations: Operation[] = [];
  #dirty: string[] = [];
  #waiters: Waiter[] = [];
  #batch = 1;
  #writing = false;
  #scheduled = false;
  readonly #flush = (): void => {
    this.#scheduled = false;
    void this.#write();
  };

  private constructor(db: ClassicLevel<string, Uint8Array>) {
    this.#db = db;
  }

  /** @throws {Error} one line: the folder is in use, cannot be written, or is damaged. */
  static async open(dir: string): Promise<Ledger> {
    const db = new ClassicLevel<string, Uint8Array>(dir, { valueEncoding: 'view' });
    try {
      await db.open();
    } catch (error) {
      const { cause } = error as { cause?: { code?: string; message?: string } };
      if (cause?.code === 'LEVEL_LOCKED')
        throw new Error(`the data folder ${dir} is in use by another process; stop that one or set CIM_DATA_DIR`, {
          cause: error,
        });
      if (cause?.code === 'LEVEL_CORRUPTION')
        throw new Error(`the data folder ${dir} is damaged; restore it from a copy or set CIM_DATA_DIR`, { cause: error });
      throw new Error(`the data folder ${dir} cannot be opened: ${cause?.message ?? String(error)}`, { cause: error });
    }
    return new Ledger(db);
  }

  get<T extends Value>(key: string): T | undefined {
    const known = this.#known.get(key);
    if (known !== undefined) return known.value as T | undefined;
    const value = this.committed<T>(key);
    this.#remember(key, { value, batch: 0 });
    return value;
  }

  /** As it is on disk, whatever waits. */
  committed<T extends Value>(key: string): T | undefined {
    const bytes = this.#db.getSync(key);
    return bytes === undefined ? undefined : (JSON.parse(decoder.decode(bytes)) as T);
  }

  put(key: string, value: Value): void {
    this.#remember(key, { value, batch: this.#batch });
    this.#dirty.push(key);
    this.#operations.push({ type: 'put', key, value: encoder.encode(JSON.stringify(value)) });
  }

  delete(key: string): void {
    this.#remember(key, { value: undefined, batch: this.#batch });
    this.#dirty.push(key);
    this.#operations.push({ type: 'del', key });
  }

  /** Bytes, which `get` does not know: they are read in ranges only. */
  putBytes(key: string, value: Uint8Array): void {
    this.#operations.push({ type: 'put', key, value });
  }

  deleteBytes(key: string): void {
    this.#operations.push({ type: 'del', key });
  }

  /** Calls back when all written so far is on disk, or is lost. */
  onCommit(done: (error?: unknown) => void): void {
    this.#waiters.push({ resolve: done, reject: done });
    this.#schedule();
  }

  commit(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#schedule();
    });
  }

  /** Committed values with `gte` <= key < `lt`, in order. */
  async range(gte: string, lt: string, limit: number): Promise<[string, Uint8Array][]> {
    return this.#db.iterator({ gte, lt, limit }).all();
  }

  async clear(gte: string, lt: string): Promise<void> {
    await this.#db.clear({ gte, lt });
  }

  async close(): Promise<void> {
    if (this.#db.status !== 'open') return;
    if (this.#operations.length > 0 || this.#writing) await this.commit();
    await this.#db.close();
  }

  #remember(key: string, known: Known): void {
    this.#known.delete(key);
    this.#known.set(key, known);
    if (this.#known.size <= KNOWN_VALUES) return;
    let looked = 0;
    for (const [oldest, { batch }] of this.#known) {
      if (batch === 0) this.#known.delete(oldest);
      // What waits for the disk must stay; it is clean after the next batch.
      if (this.#known.size <= KNOWN_VALUES || ++looked > 8) return;
    }
  }

  #schedule(): void {
    if (this.#writing || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  async #write(): Promise<void> {
    const operations = this.#operations;
    const dirty = this.#dirty;
    const waiters = this.#waiters;
    const batch = this.#batch++;
    this.#operations = [];
    this.#dirty = [];
    this.#waiters = [];
    this.#writing = true;
    try {
      if (operations.length > 0) await this.#db.batch(operations, { sync: true });
    } catch (error) {
      this.#writing = false;
      this.#lose(dirty, error, waiters);
      return;
    }
    this.#writing = false;
    for (const key of dirty) {
      const known = this.#known.get(key);
      if (known?.batch === batch) known.batch = 0;
    }
    for (const waiter of waiters) waiter.resolve();
    if (this.#waiters.length > 0) this.#schedule();
  }

  /** The batch failed: what was written since was built on it. */
  #lose(dirty: readonly string[], error: unknown, waiters: readonly Waiter[]): void {
    for (const key of dirty) this.#known.delete(key);
    for (const key of this.#dirty) this.#known.delete(key);
    const later = this.#waiters;
    this.#operations = [];
    this.#dirty = [];
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(error);
    for (const waiter of later) waiter.reject(error);
  }
}
