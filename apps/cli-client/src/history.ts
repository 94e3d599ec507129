import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const MAX_BYTES = 4 * 1024 * 1024;

/** What was said here, on disk (mode 0600), for `:q WORD`. Over 4 MiB the older half is set aside, then dropped. */
export class History {
  readonly #path: string;
  readonly #older: string;
  #bytes: number | undefined;
  #broken = false;

  constructor(path: string) {
    this.#path = path;
    this.#older = `${path}.1`;
  }

  /** @param line one line, cleaned. A disk that is full ends the history, not the chat. */
  add(line: string): void {
    if (this.#broken) return;
    try {
      if (this.#bytes === undefined) {
        mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
        this.#bytes = existsSync(this.#path) ? statSync(this.#path).size : 0;
      }
      if (this.#bytes > MAX_BYTES) {
        renameSync(this.#path, this.#older);
        this.#bytes = 0;
      }
      appendFileSync(this.#path, `${line}\n`, { mode: 0o600 });
      this.#bytes += Buffer.byteLength(line) + 1;
    } catch {
      this.#broken = true;
    }
  }

  /** The newest lines with the word, case ignored; oldest first. */
  search(word: string, limit: number): { readonly lines: string[]; readonly more: number } {
    const wanted = word.toLowerCase();
    const found = [this.#older, this.#path]
      .flatMap(readLines)
      .filter((line) => line.toLowerCase().includes(wanted));
    return { lines: found.slice(-limit), more: Math.max(0, found.length - limit) };
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}
