import { clustersOf } from '@cim/terminal-text';

const HISTORY = 500;
const BLANK = /\s/;

/** The line that is being typed, which may hold several lines, and those typed before. */
export class LineEditor {
  #text = '';
  /** Where the next letter goes, in UTF-16 units: always between two clusters. */
  #cursor = 0;
  /** Lines entered before, the oldest first. */
  readonly #history: string[];
  /** Which of them is edited; its length: a new one. */
  #at: number;
  /** The new line, while an old one is edited. */
  #draft = '';
  /** What was cut last. */
  #cut = '';

  readonly #entered: (line: string) => void;

  /** @param entered is told each line that joins the history */
  constructor(history: readonly string[] = [], entered: (line: string) => void = () => undefined) {
    this.#entered = entered;
    this.#history = history.slice(-HISTORY);
    this.#at = this.#history.length;
  }

  get text(): string {
    return this.#text;
  }

  get cursor(): number {
    return this.#cursor;
  }

  set(text: string, cursor = text.length): void {
    this.#text = text;
    this.#cursor = cursor;
  }

  insert(text: string): void {
    this.#text = this.#before() + text + this.#behind();
    this.#cursor += text.length;
  }

  left(): void {
    this.#cursor -= clustersOf(this.#before()).at(-1)?.text.length ?? 0;
  }

  right(): void {
    this.#cursor += clustersOf(this.#behind())[0]?.text.length ?? 0;
  }

  wordLeft(): void {
    const isBlankBefore = (): boolean => BLANK.test(this.#text[this.#cursor - 1] ?? '');
    while (this.#cursor > 0 && isBlankBefore()) this.#cursor--;
    while (this.#cursor > 0 && !isBlankBefore()) this.#cursor--;
  }

  wordRight(): void {
    const isBlankBehind = (): boolean => BLANK.test(this.#text[this.#cursor] ?? '');
    while (this.#cursor < this.#text.length && isBlankBehind()) this.#cursor++;
    while (this.#cursor < this.#text.length && !isBlankBehind()) this.#cursor++;
  }

  home(): void {
    this.#cursor = this.#before().lastIndexOf('\n') + 1;
  }

  end(): void {
    const end = this.#behind().indexOf('\n');
    this.#cursor = end < 0 ? this.#text.length : this.#cursor + end;
  }

  backspace(): void {
    const end = this.#cursor;
    this.left();
    this.#remove(this.#cursor, end);
  }

  delete(): void {
    this.#remove(this.#cursor, this.#cursor + (clustersOf(this.#behind())[0]?.text.length ?? 0));
  }

  cutWord(): void {
    const end = this.#cursor;
    this.wordLeft();
    this.#take(this.#cursor, end);
  }

  cutWordRight(): void {
    const start = this.#cursor;
    this.wordRight();
    this.#take(start, this.#cursor);
  }

  cutToHome(): void {
    const end = this.#cursor;
    this.home();
    this.#take(this.#cursor, end);
  }

  cutToEnd(): void {
    const start = this.#cursor;
    this.end();
    this.#take(start, this.#cursor);
  }

  /** Inserts what was cut last. */
  paste(): void {
    this.insert(this.#cut);
  }

  clear(): void {
    this.set('');
    this.#at = this.#history.length;
  }

  /** Answers the line and begins a new one. The line joins the history, unless it is empty or the newest there already. */
  enter(): string {
    const line = this.#text;
    if (line.trim() !== '' && line !== this.#history.at(-1)) {
      this.#history.push(line);
      this.#entered(line);
    }
    if (this.#history.length > HISTORY) this.#history.shift();
    this.clear();
    return line;
  }

  /** The newest line before number `before` that has the word, case ignored; undefined when there is none. */
  find(
    word: string,
    before = this.#history.length,
  ): { readonly at: number; readonly line: string } | undefined {
    const wanted = word.toLowerCase();
    const at = this.#history.slice(0, before).findLastIndex((line) => line.toLowerCase().includes(wanted));
    const line = this.#history[at];
    return line === undefined ? undefined : { at, line };
  }

  older(): void {
    this.#goTo(this.#at - 1);
  }

  newer(): void {
    this.#goTo(this.#at + 1);
  }

  /** Up and Down move in a text of several lines, and beyond its first and last line to other lines. */
  up(): void {
    const start = this.#before().lastIndexOf('\n');
    if (start < 0) return this.older();
    const above = this.#text.slice(0, start).lastIndexOf('\n') + 1;
    this.#cursor = Math.min(above + this.#cursor - start - 1, start);
    this.#toBoundary();
  }

  down(): void {
    const next = this.#text.indexOf('\n', this.#cursor);
    if (next < 0) return this.newer();
    const end = this.#text.indexOf('\n', next + 1);
    const column = this.#cursor - this.#before().lastIndexOf('\n') - 1;
    this.#cursor = Math.min(next + 1 + column, end < 0 ? this.#text.length : end);
    this.#toBoundary();
  }

  #goTo(at: number): void {
    if (at < 0 || at > this.#history.length) return;
    if (this.#at === this.#history.length) this.#draft = this.#text;
    this.#at = at;
    this.set(this.#history[at] ?? this.#draft);
  }

  #before(): string {
    return this.#text.slice(0, this.#cursor);
  }

  #behind(): string {
    return this.#text.slice(this.#cursor);
  }

  #remove(from: number, to: number): void {
    this.set(this.#text.slice(0, from) + this.#text.slice(to), from);
  }

  #take(from: number, to: number): void {
    if (from === to) return;
    this.#cut = this.#text.slice(from, to);
    this.#remove(from, to);
  }

  #toBoundary(): void {
    let at = 0;
    for (const { text } of clustersOf(this.#text)) {
      if (at + text.length > this.#cursor) break;
      at += text.length;
    }
    this.#cursor = at;
  }
}
