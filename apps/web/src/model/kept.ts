import type { Conversation } from './conversation.ts';
import type { Shown } from './shown.ts';

const STORE = 'kept';
const KEY = 'conversations';
/** Conversations and newest lines of each that are kept. */
const CONVERSATIONS = 50;
const LINES = 50;

/** A conversation as it is drawn before anybody was asked. */
export interface KeptConversation
  extends Pick<Conversation, 'id' | 'name' | 'lastAt' | 'lastText' | 'lastOwn' | 'lastFrom' | 'draft'> {
  readonly lines: readonly Shown[];
}

/**
 * What the page showed last, kept by the browser for a start without a network. It is a copy for the eye: what counts is in the
 * client's own database. A browser that keeps nothing shows nothing.
 */
export class Kept {
  readonly #name: string;
  #opening: Promise<IDBDatabase> | undefined;
  #db: IDBDatabase | undefined;

  constructor(userName: string) {
    this.#name = `cim-web ${userName}`;
  }

  async load(): Promise<readonly KeptConversation[]> {
    try {
      const found: unknown = await answer(
        (await this.#open()).transaction(STORE).objectStore(STORE).get(KEY),
      );
      return Array.isArray(found) ? (found as KeptConversation[]) : [];
    } catch {
      return [];
    }
  }

  async save(conversations: readonly Conversation[]): Promise<void> {
    const kept = conversations.slice(0, CONVERSATIONS).map((one): KeptConversation => {
      const { id, name, lastAt, lastText, lastOwn, lastFrom, draft } = one;
      // What is not stored is in the client's database, and comes back from there.
      const lines = one.lines.slice(-LINES).filter((line) => line.id !== undefined);
      return { id, name, lastAt, lastText, lastOwn, lastFrom, draft, lines };
    });
    try {
      // At once when it can be: a page that goes away waits for nothing.
      const db = this.#db ?? (await this.#open());
      const transaction = db.transaction(STORE, 'readwrite');
      const done = answer(transaction.objectStore(STORE).put(kept, KEY));
      transaction.commit();
      await done;
    } catch {
      // The page works without.
    }
  }

  /** After a logout nothing of the user stays. */
  async remove(): Promise<void> {
    try {
      (await this.#open()).close();
    } catch {
      return;
    }
    indexedDB.deleteDatabase(this.#name);
  }

  #open(): Promise<IDBDatabase> {
    if (this.#opening === undefined) {
      const request = indexedDB.open(this.#name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      this.#opening = answer(request).then((db) => {
        db.onversionchange = () => db.close();
        this.#db = db;
        return db;
      });
    }
    return this.#opening;
  }
}

const answer = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the database has failed'));
  });
