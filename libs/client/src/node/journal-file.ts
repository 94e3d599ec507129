import { closeSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import type { UserId } from '@cim/protocol';
import { fieldsOfLine, lineOf, recordOf, VERSION, VERSION_1, VERSION_2 } from './journal-lines.ts';
import { type SavedSend, type SendJournal, SendLedger, type SendRecord } from '../send-journal.ts';

/** Versions of journals that can be read. */
const VERSIONS: readonly unknown[] = [VERSION, VERSION_2, VERSION_1];

/** A journal is rewritten when it is larger than this and than four times its content. */
const COMPACT_BYTES = 1024 * 1024;

/**
 * A journal in a file (mode 0600), one line of JSON per record, appended before a send is written to its
 * socket. It survives the death of the process but not of the machine, since nothing waits for the disk.
 */
export class JournalFile implements SendJournal {
  readonly #path: string;
  readonly #note: (line: string) => void;
  #ledger = new SendLedger();
  #user = 0;
  #fd: number | undefined;
  /** Records that are not written yet. */
  #buffer = '';
  #flushing = false;
  #written = 0;

  /** @param note called with one line when the file cannot be read, set aside or written */
  constructor(path: string, note: (line: string) => void) {
    this.#path = path;
    this.#note = note;
  }

  open(user: UserId): readonly SavedSend[] {
    this.#user = user;
    this.#ledger = new SendLedger();
    const text = this.#read();
    if (text !== '' && (text === undefined || !this.#replay(text))) this.#setAside();
    this.#rewrite();
    return this.#ledger.saved();
  }

  note(record: SendRecord): undefined {
    if (this.#fd === undefined) return;
    this.#ledger.apply(record);
    this.#buffer += lineOf(record);
    if (record.kind !== 'settled') this.#flush();
    else if (!this.#flushing) {
      this.#flushing = true;
      queueMicrotask(() => {
        this.#flushing = false;
        this.#flush();
      });
    }
  }

  /** Idempotent. */
  close(): void {
    this.#flush();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** The text of the file; '' when there is none, undefined when it cannot be read. */
  #read(): string | undefined {
    try {
      return readFileSync(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      this.#note(`${this.#path} cannot be read: ${String(error)}`);
      return undefined;
    }
  }

  /** False: the file is not a journal of this user that this version can read. */
  #replay(text: string): boolean {
    const lines = text.split('\n');
    // A last line without its end was being written when the process died. Nothing depends on it.
    lines.pop();
    const [version, user] = fieldsOfLine(lines.shift() ?? '');
    if (typeof version !== 'string' || !VERSIONS.includes(version) || user !== this.#user) return false;
    let damaged = 0;
    for (const line of lines) {
      const record = recordOf(line, version);
      if (record === undefined) damaged++;
      else if (record !== 'none') this.#ledger.apply(record);
    }
    if (damaged > 0)
      this.#note(
        `${this.#path}: ${damaged} of ${lines.length} lines cannot be read; unanswered messages may be lost`,
      );
    return true;
  }

  #setAside(): void {
    const aside = `${this.#path}.${Date.now()}`;
    try {
      renameSync(this.#path, aside);
      this.#note(`${this.#path} is not of this user and version, and is set aside as ${aside}`);
    } catch (error) {
      this.#note(`${this.#path} cannot be set aside: ${String(error)}`);
    }
  }

  #flush(): void {
    const fd = this.#fd;
    if (fd === undefined || this.#buffer === '') return;
    try {
      const bytes = Buffer.from(this.#buffer);
      this.#buffer = '';
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      this.#written += bytes.length;
    } catch (error) {
      this.#fail(fd, error);
      return;
    }
    if (this.#written > Math.max(COMPACT_BYTES, 4 * this.#ledger.bytes)) this.#rewrite();
  }

  /** Replaces the file by rename, so that a crash leaves the old or the new one. */
  #rewrite(): void {
    const next = `${this.#path}.new`;
    try {
      let text = `${JSON.stringify([VERSION, this.#user])}\n`;
      for (const record of this.#ledger.records()) text += lineOf(record);
      writeFileSync(next, text, { mode: 0o600 });
      const fd = openSync(next, 'a', 0o600);
      renameSync(next, this.#path);
      if (this.#fd !== undefined) closeSync(this.#fd);
      this.#fd = fd;
      this.#written = Buffer.byteLength(text);
    } catch (error) {
      this.#fail(this.#fd, error);
    }
  }

  /**
   * Gives the file up, after an error of the disk. The next process repeats the sends in it, also those that
   * were answered meanwhile; the store recognizes these.
   */
  #fail(fd: number | undefined, error: unknown): void {
    this.#fd = undefined;
    this.#buffer = '';
    if (fd !== undefined) {
      try {
        closeSync(fd);
      } catch {
        // The note below says that the file is given up.
      }
    }
    this.#note(
      `${this.#path} cannot be written: ${String(error)}; unanswered messages end with this program`,
    );
  }
}
