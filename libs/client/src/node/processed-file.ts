import { closeSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { isSeq, type MessageId } from '@cim/protocol';
import { fieldsOfLine } from './journal-lines.ts';
import type { ProcessedRecord } from '../state.ts';

const VERSION = 'cim-processed-1';

/**
 * The entries processed since a state was saved as a whole: one line of JSON each, appended (mode 0600), so
 * that a message costs one short write. The file names the saved state that it continues; together with
 * another state it means nothing.
 */
export class ProcessedFile {
  readonly #path: string;
  #fd: number | undefined;
  #records: ProcessedRecord[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  /** Records of this process, and those that `read` found. */
  get records(): readonly ProcessedRecord[] {
    return this.#records;
  }

  /** Reads the records after the saved state of this name. An unfinished last line is no record. */
  read(after: string): readonly ProcessedRecord[] {
    this.#records = [];
    let lines: string[];
    try {
      lines = readFileSync(this.#path, 'utf8').split('\n').slice(0, -1);
    } catch {
      return this.#records; // at worst messages are shown again
    }
    const [version, name] = fieldsOfLine(lines.shift() ?? '');
    if (version !== VERSION || name !== after) return this.#records;
    for (const line of lines) {
      const [stream, id, seq] = fieldsOfLine(line);
      if (typeof stream === 'string' && typeof id === 'string' && isSeq(seq))
        this.#records.push({ stream, id: id as MessageId, seq });
    }
    return this.#records;
  }

  /**
   * Starts a new file after a saved state. By rename: a crash leaves the old file, which the new state makes
   * void.
   */
  start(after: string): void {
    this.close();
    this.#records = [];
    const next = `${this.#path}.new`;
    writeFileSync(next, `${JSON.stringify([VERSION, after])}\n`, { mode: 0o600 });
    renameSync(next, this.#path);
    this.#fd = openSync(this.#path, 'a', 0o600);
  }

  /**
   * Adds a record. When it returns, the record survives the death of the process.
   * @throws when the file cannot be written, or nothing was started
   */
  add(record: ProcessedRecord): void {
    if (this.#fd === undefined) throw new Error(`${this.#path} could not be written before`);
    this.#records.push(record);
    writeSync(this.#fd, `${JSON.stringify([record.stream, record.id, record.seq])}\n`);
  }

  /** Idempotent. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
