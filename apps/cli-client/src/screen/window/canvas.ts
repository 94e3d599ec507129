import { encodeRow, type Row } from './rows.ts';

/** What is to be seen. */
export interface Picture {
  readonly rows: readonly Row[];
  /** From 0. */
  readonly cursor: { readonly row: number; readonly column: number };
}

const ENTER = '\u001b[?1049h\u001b[?7l\u001b[?2004h\u001b[0m\u001b[2J';
const LEAVE = '\u001b[0m\u001b[?2004l\u001b[?7h\u001b[?25h\u001b[?1049l';

/** The alternate screen of a terminal, of which only rows that have changed are written. */
export class Canvas {
  readonly #write: (bytes: string) => void;
  /** Rows as they were written, by position. */
  #shown: string[] = [];
  #cursor = '';
  #open = false;

  constructor(write: (bytes: string) => void) {
    this.#write = write;
  }

  /** Takes the terminal. Idempotent. */
  enter(): void {
    if (this.#open) return;
    this.#open = true;
    this.forget();
    this.#write(ENTER);
  }

  /** Gives it back as it was before. Idempotent. */
  leave(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#write(LEAVE);
  }

  /** Draws everything next time: the terminal may show anything. */
  forget(): void {
    this.#shown = [];
    this.#cursor = '';
  }

  /** The terminal makes a sound, or shows that something is up. */
  ring(): void {
    if (this.#open) this.#write('\u0007');
  }

  draw({ rows, cursor }: Picture): void {
    if (!this.#open) return;
    let out = '';
    const next = rows.map(encodeRow);
    for (const [at, row] of next.entries())
      if (row !== this.#shown[at]) out += `\u001b[${at + 1};1H\u001b[2K${row}`;
    const place = `\u001b[${cursor.row + 1};${cursor.column + 1}H`;
    if (out === '' && place === this.#cursor) return;
    this.#shown = next;
    this.#cursor = place;
    this.#write(out === '' ? place : `\u001b[?25l${out}${place}\u001b[?25h`);
  }
}
