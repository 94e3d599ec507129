import { appendFileSync, chmodSync, mkdirSync, readFileSync, renameSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Message, Recipient } from '@cim/client/node';
import { LRUCache } from 'lru-cache';

const MAX_BYTES = 4 * 1024 * 1024;
/** Ids that are remembered. A server offers at most 256 messages of each stream again. */
const MAX_IDS = 8_192;

/** Names a message among all that this client has received. Message ids are unique in their stream only. */
export const receivedId = ({ stream, id }: Pick<Message, 'stream' | 'id'>): string => `${stream}/${id}`;

/** Names a message among all that this client has sent. */
export const sentId = (to: Recipient, id: string): string => `to-${'user' in to ? to.user : to.group}/${id}`;

/**
 * The messages of this terminal on disk (mode 0600), for `:q WORD`. A file over 4 MiB is set aside; the next one replaces it.
 *
 * A line is `text TAB id`, written by one call, and the kernel has it when `add` returns: killing the process
 * loses nothing. A line that a kill or a full disk has cut short is taken away, so that a line is there with its id or
 * not at all.
 */
export class History {
  readonly #path: string;
  readonly #older: string;
  /** Ids of the messages in both files. The oldest id leaves when there are 8,192. */
  readonly #ids = new LRUCache<string, true>({ max: MAX_IDS });
  /** Length of the file up to the end of its last whole line. */
  #bytes = 0;
  #opened = false;
  #broken = false;
  readonly #onBroken: (error: unknown) => void;

  /** @param onBroken is called when nothing can be written, once until it can again; the chat goes on without */
  constructor(path: string, onBroken: (error: unknown) => void = () => undefined) {
    this.#path = path;
    this.#onBroken = onBroken;
    this.#older = `${path}.1`;
  }

  /** Whether the message was written, by this process or one before. */
  knows(id: string): boolean {
    try {
      this.#open();
    } catch {
      // `add` tells.
    }
    return this.#ids.has(keyOf(id));
  }

  /**
   * Writes a line, unless its message was written before.
   * @param line one line, cleaned: no tab is in it
   * @param id of the message, see `receivedId` and `sentId`; '' for none
   */
  add(line: string, id = ''): void {
    if (id !== '' && this.knows(id)) return;
    const key = keyOf(id);
    const bytes = Buffer.from(`${line}${key === '' ? '' : `\t${key}`}\n`);
    try {
      this.#open();
      this.#makeRoom();
      appendFileSync(this.#path, bytes, { mode: 0o600 });
      this.#bytes += bytes.length;
      this.#remember(key);
      this.#broken = false;
    } catch (error) {
      if (this.#opened) this.#cut();
      if (!this.#broken) this.#onBroken(error);
      this.#broken = true;
    }
  }

  /** The newest lines with the word, case ignored; oldest first. */
  search(word: string, limit: number): { readonly lines: string[]; readonly more: number } {
    const wanted = word.toLowerCase();
    const found = [this.#older, this.#path]
      .flatMap((path) => linesOf(readable(path)))
      .map(([text]) => text)
      .filter((text) => text.toLowerCase().includes(wanted));
    return { lines: found.slice(-limit), more: Math.max(0, found.length - limit) };
  }

  /** @throws while a file cannot be read; then nothing may be written, since a line that was cut could not be found */
  #open(): void {
    if (this.#opened) return;
    const [older, newer] = [read(this.#older), read(this.#path)];
    for (const [, id] of [...linesOf(older), ...linesOf(newer)]) this.#remember(id);
    this.#bytes = newer.lastIndexOf('\n') + 1;
    this.#opened = true;
    // Older versions, and copies of files, may have left it readable for everybody.
    if (newer.length > 0) chmodSync(this.#path, 0o600);
    if (newer.length > this.#bytes) this.#cut();
  }

  #makeRoom(): void {
    if (this.#bytes === 0) mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    if (this.#bytes <= MAX_BYTES) return;
    renameSync(this.#path, this.#older);
    this.#bytes = 0;
  }

  /** Takes the beginning of a line away that has no end. */
  #cut(): void {
    try {
      truncateSync(this.#path, this.#bytes);
    } catch {
      // There is no file, or it cannot be written: then nothing was.
    }
  }

  #remember(id: string): void {
    if (id !== '') this.#ids.set(id, true);
  }
}

/** An id as it stands in the file: a server can put anything in it. */
const keyOf = (id: string): string => id.slice(0, 128).replace(/[^!-~]/g, '?');

/** Text and message id ('' for none) of each whole line. */
const linesOf = (file: Buffer): (readonly [text: string, id: string])[] =>
  file
    .toString('utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const tab = line.indexOf('\t');
      return tab < 0 ? [line, ''] : [line.slice(0, tab), line.slice(tab + 1)];
    });

/** Empty when there is no such file. @throws when there is one that cannot be read */
function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return Buffer.alloc(0);
  }
}

function readable(path: string): Buffer {
  try {
    return read(path);
  } catch {
    return Buffer.alloc(0);
  }
}
