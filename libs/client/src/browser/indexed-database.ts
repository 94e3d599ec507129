import type { StreamEvent } from '../events.ts';
import type { SavedState } from '../state.ts';
import { parseState } from '../saved-state.ts';
import type {
  Changes,
  Database,
  KeptSend,
  Received,
  ReceivedMessage,
  ReceivedQuery,
  WholeState,
} from './database.ts';

/** Version of the layout. A database with a newer one, made by a newer page of the same site, does not open. */
const VERSION = 1;
const META = 'meta';
const RECEIVED = 'received';
const SENDS = 'sends';
const BY_CONVERSATION = 'conversation';

/** A row in the database. Only messages have `conversation`, so the index holds only them. */
type Row = Omit<Received, 'at'> & { readonly at?: number; readonly conversation?: string };

/**
 * Opens or makes the database of this name. @throws when the browser offers none, as in some private windows
 */
export async function openIndexedDatabase(name: string): Promise<Database> {
  const request = indexedDB.open(name, VERSION);
  request.onupgradeneeded = () => {
    const { result: db } = request;
    db.createObjectStore(META);
    const received = db.createObjectStore(RECEIVED, { keyPath: 'at', autoIncrement: true });
    received.createIndex(BY_CONVERSATION, ['conversation', 'at']);
    db.createObjectStore(SENDS, { keyPath: 'ref', autoIncrement: true });
  };
  return new IndexedDatabase(await answer(request));
}

class IndexedDatabase implements Database {
  readonly durable = true;
  readonly #db: IDBDatabase;

  constructor(db: IDBDatabase) {
    this.#db = db;
    // A page of another version wants to change the layout.
    db.onversionchange = () => db.close();
  }

  async shown(): Promise<number> {
    const shown: unknown = await answer(this.#read(META).get('shown'));
    return typeof shown === 'number' ? shown : 0;
  }

  markShown(at: number): Promise<void> {
    return this.#change([META], (store) => {
      const shown = store(META).get('shown');
      shown.onsuccess = () => {
        if (!(Number(shown.result) >= at)) store(META).put(at, 'shown');
      };
    });
  }

  async newest(): Promise<number> {
    const cursor = await answer(this.#read(RECEIVED).openKeyCursor(null, 'prev'));
    return cursor === null ? 0 : Number(cursor.key);
  }

  received(after: number, limit: number): Promise<readonly Received[]> {
    const range = IDBKeyRange.lowerBound(after, true);
    return answer(this.#read(RECEIVED).getAll(range, limit) as IDBRequest<Received[]>);
  }

  messages({
    conversation,
    before = Infinity,
    limit = 50,
  }: ReceivedQuery): Promise<readonly ReceivedMessage[]> {
    const range = IDBKeyRange.bound([conversation, 0], [conversation, before], false, true);
    const cursor = this.#read(RECEIVED).index(BY_CONVERSATION).openCursor(range, 'prev');
    const found: ReceivedMessage[] = [];
    return new Promise((resolve, reject) => {
      cursor.onerror = () => reject(failureOf(cursor));
      cursor.onsuccess = () => {
        const { result } = cursor;
        if (result === null || found.length === limit) return resolve(found.reverse());
        const { at, event } = result.value as Received;
        if (event?.event === 'message') found.push({ ...event.value, at });
        result.continue();
      };
    });
  }

  async addSend(send: Omit<KeptSend, 'ref'>): Promise<number> {
    let ref: IDBRequest<IDBValidKey> | undefined;
    await this.#change([SENDS], (store) => {
      ref = store(SENDS).add(send);
    });
    return Number(ref?.result);
  }

  sends(after: number): Promise<readonly KeptSend[]> {
    const range = IDBKeyRange.lowerBound(after, true);
    return answer(this.#read(SENDS).getAll(range) as IDBRequest<KeptSend[]>);
  }

  removeSends(refs: readonly number[]): Promise<void> {
    return this.#change([SENDS], (store) => {
      for (const ref of refs) store(SENDS).delete(ref);
    });
  }

  async load(): Promise<WholeState | undefined> {
    const raw: unknown = await answer(this.#read(META).get('state'));
    if (typeof raw !== 'object' || raw === null || !('state' in raw) || !('at' in raw)) return undefined;
    const state = parseState(raw.state);
    return state === undefined ? undefined : { state, at: Number(raw.at) };
  }

  write({ received, sends, state }: Changes): Promise<void> {
    return this.#change([META, RECEIVED, SENDS], (store) => {
      for (const one of received) store(RECEIVED).add(rowOf(one));
      for (const send of sends) store(SENDS).put(send);
      if (state !== undefined) this.#putState(store(META), store(RECEIVED), state);
    });
  }

  trim(at: number): Promise<void> {
    return this.#change([META, RECEIVED], (store) => {
      const shown = store(META).get('shown');
      const whole = store(META).get('state') as IDBRequest<WholeState | undefined>;
      whole.onsuccess = () => {
        const upTo = Math.min(at, Number(shown.result) || 0, whole.result?.at ?? 0);
        if (upTo > 0) store(RECEIVED).delete(IDBKeyRange.upperBound(upTo));
      };
    });
  }

  close(): void {
    this.#db.close();
  }

  /** Saves the state with the newest entry of this transaction: the state contains all of them. */
  #putState(meta: IDBObjectStore, received: IDBObjectStore, state: SavedState): void {
    const newest = received.openKeyCursor(null, 'prev');
    newest.onsuccess = () => {
      const at = newest.result === null ? undefined : Number(newest.result.key);
      const before = meta.get('state') as IDBRequest<WholeState | undefined>;
      // If all entries are trimmed, numbering goes on after the old state.
      before.onsuccess = () => meta.put({ state, at: at ?? before.result?.at ?? 0 }, 'state');
    };
  }

  #read(store: string): IDBObjectStore {
    return this.#db.transaction(store).objectStore(store);
  }

  #change(names: string[], change: (store: (name: string) => IDBObjectStore) => void): Promise<void> {
    const transaction = this.#db.transaction(names, 'readwrite');
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error('the transaction was aborted'));
      change((name) => transaction.objectStore(name));
    });
  }
}

const rowOf = ({ stream, id, seq, event }: Omit<Received, 'at'>): Row => ({
  ...{ stream, id, seq },
  ...(event !== undefined && { event, ...(isMessage(event) && { conversation: event.value.conversation }) }),
});

const isMessage = ({ event }: StreamEvent): boolean => event === 'message';

const answer = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(failureOf(request));
  });

const failureOf = (request: IDBRequest): Error => request.error ?? new Error('the database has failed');
