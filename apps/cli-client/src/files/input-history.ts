import { appendFileSync, chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Lines that are read; a file with twice as many is shortened to these. */
const LINES = 500;

/** Lines that were typed, on disk (mode 0600): one JSON text a line. Without a disk the terminal forgets them at its end. */
export class InputHistory {
  readonly #path: string;
  readonly lines: readonly string[];

  constructor(path: string) {
    this.#path = path;
    const all = read(path);
    this.lines = all.slice(-LINES);
    if (all.length > 2 * LINES)
      this.#try(() => writeFileSync(path, this.lines.map(encoded).join(''), { mode: 0o600 }));
    if (all.length > 0) this.#try(() => chmodSync(path, 0o600));
  }

  /** A password behind `:password`, where none belongs, stays off the disk. */
  add(line: string): void {
    if (/^\W*password\s+\S/i.test(line)) return;
    this.#try(() => {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      appendFileSync(this.#path, encoded(line), { mode: 0o600 });
    });
  }

  /** A disk that cannot be written is no reason to stop typing. */
  #try(write: () => void): void {
    try {
      write();
    } catch {
      // said above
    }
  }
}

const encoded = (line: string): string => `${JSON.stringify(line)}\n`;

function read(path: string): string[] {
  let file: string;
  try {
    file = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  return file.split('\n').flatMap((line) => {
    try {
      const text: unknown = JSON.parse(line);
      return typeof text === 'string' ? [text] : [];
    } catch {
      return []; // a line that a kill has cut short
    }
  });
}
