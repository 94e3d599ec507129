import {
  closeSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
  ftruncateSync,
} from 'node:fs';
import { isProducerId, isSeq, type UserId } from '@cim/protocol';
import { type SavedSends, type SendJournal, SendLedger, type SendRecord } from './send-journal.ts';

const VERSION = 'cim-sends-1';
/** A journal is written anew when it is larger than this and than four times what it has to say. */
const COMPACT_BYTES = 1024 * 1024;

/**
 * A journal in a file (mode 0600): a line of JSON a record, appended before a send is written to its socket. It holds
 * against the death of the process, not of the machine: nothing waits for the disk.
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

  /** @param note told in one line when sends cannot be kept */
  constructor(path: string, note: (line: string) => void) {
    this.#path = path;
    this.#note = note;
  }

  open(user: UserId): SavedSends | undefined {
    this.#user = user;
    const text = this.#read();
    const known = text !== undefined && this.#replay(text);
    this.#rewrite();
    // What is numbered from now on is not in the old file, which the next process may read.
    if (this.#fd === undefined) this.#ledger.forgetCounters();
    return known ? this.#ledger.saved() : undefined;
  }

  note(record: SendRecord): void {
    if (this.#fd === undefined) return;
    this.#ledger.apply(record);
    this.#buffer += lineOf(record);
    if (record.kind === 'numbered' || record.kind === 'counting') this.#flush();
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

  #read(): string | undefined {
    try {
      return readFileSync(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      this.#note(`${this.#path} cannot be read: ${String(error)}`);
      return '';
    }
  }

  /** Whether it is of this user. */
  #replay(text: string): boolean {
    const lines = text.split('\n');
    // A last line without its end was under way when the process died: nothing followed from it.
    lines.pop();
    const header = parseLine(lines.shift() ?? '');
    if (header?.[0] !== VERSION || header[1] !== this.#user) {
      // Empty after a disk that was full: counting starts anew.
      return text === '';
    }
    let damaged = 0;
    for (const line of lines) {
      const record = recordOf(parseLine(line));
      if (record === undefined) damaged++;
      else this.#ledger.apply(record);
    }
    if (damaged === 0) return true;
    this.#ledger.forgetCounters();
    this.#note(
      `${this.#path}: ${damaged} of ${lines.length} lines cannot be read; unanswered messages may be lost`,
    );
    return true;
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

  /** By rename, so that a crash leaves the old or the new one. */
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

  /** A journal that lacks a number that was used would have it used twice: better none. */
  #fail(fd: number | undefined, error: unknown): void {
    this.#fd = undefined;
    this.#buffer = '';
    if (fd !== undefined) {
      try {
        ftruncateSync(fd);
        closeSync(fd);
      } catch {
        // said below
      }
    }
    this.#note(
      `${this.#path} cannot be written: ${String(error)}; unanswered messages end with this program`,
    );
  }
}

function lineOf(record: SendRecord): string {
  return `${JSON.stringify(fieldsOf(record))}\n`;
}

function fieldsOf(record: SendRecord): (string | number)[] {
  switch (record.kind) {
    case 'offered': {
      const { ref, to, group, offeredAt, content } = record;
      return ['+', ref, to, group, offeredAt, Buffer.from(content).toString('base64')];
    }
    case 'numbered':
      return ['#', record.ref, record.producer, record.counter];
    case 'unnumbered':
      return ['?', record.ref];
    case 'settled':
      return ['-', record.ref];
    case 'counting':
      return ['=', record.stream, record.producer, record.counter];
  }
}

function recordOf(fields: unknown[] | undefined): SendRecord | undefined {
  if (fields === undefined) return undefined;
  const [kind, ref, ...more] = fields;
  if (kind === '=') {
    const [producer, counter] = more;
    return typeof ref === 'string' && typeof producer === 'string' && isSeq(counter)
      ? { kind: 'counting', stream: ref, producer, counter }
      : undefined;
  }
  if (!isSeq(ref)) return undefined;
  switch (kind) {
    case '+': {
      const [to, group, offeredAt, content] = more;
      if (!isSeq(to) || typeof group !== 'string' || !isSeq(offeredAt) || typeof content !== 'string')
        return undefined;
      return { kind: 'offered', ref, to, group, offeredAt, content: Buffer.from(content, 'base64') };
    }
    case '#': {
      const [producer, counter] = more;
      return isProducerId(producer) && isSeq(counter)
        ? { kind: 'numbered', ref, producer, counter }
        : undefined;
    }
    case '?':
      return { kind: 'unnumbered', ref };
    case '-':
      return { kind: 'settled', ref };
    default:
      return undefined;
  }
}

function parseLine(line: string): unknown[] | undefined {
  try {
    const fields: unknown = JSON.parse(line);
    return Array.isArray(fields) ? fields : undefined;
  } catch {
    return undefined;
  }
}
