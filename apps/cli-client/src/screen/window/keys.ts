import { clustersOf } from '@cim/terminal-text';
import type { Completion } from './completion.ts';
import type { LineEditor } from './line-editor.ts';

/** A key as `node:readline` reads it. */
export interface Key {
  readonly sequence?: string;
  readonly name?: string;
  readonly ctrl?: boolean;
  readonly meta?: boolean;
  readonly shift?: boolean;
}

/** What keys do beside typing. */
export interface KeyActs {
  enter(line: string): void;
  interrupt(): void;
  end(): void;
  suspend(): void;
  redraw(): void;
  /** @param number of an area, from 1 */
  area(number: number): void;
  nextArea(step: 1 | -1): void;
  nextUnread(): void;
  /** A page up (1) or down (-1). */
  scroll(pages: 1 | -1): void;
  /** Tells the person something, in one line of ours. */
  say(line: string): void;
  /** What Tab can put before the cursor. */
  complete(before: string): Completion;
}

interface Secret {
  readonly question: string;
  typed: string;
  readonly answer: (secret: string | undefined) => void;
}

const isText = (sequence: string): boolean =>
  sequence >= ' ' && !sequence.startsWith('\u001b') && sequence !== '\u007f';

/** What each key does. */
export class Keys {
  readonly #editor: LineEditor;
  readonly #acts: KeyActs;
  /** What is pasted, while it comes. */
  #pasted: string | undefined;
  /** Pasted lines that the person is asked about. */
  #lines: string | undefined;
  /** Ctrl-R: what is looked for, and where it was found. */
  #search: { readonly word: string; readonly found: ReturnType<LineEditor['find']> } | undefined;
  /** What is asked for and not shown, and what was typed of it. */
  #secret: Secret | undefined;
  /** Tab was pressed last: what it offers, and which of it stands there. */
  #tab: (Completion & { readonly at: number; readonly rest: string }) | undefined;
  /** Ctrl-C was pressed last, on an empty line: another one quits. */
  #leaving = false;

  constructor(editor: LineEditor, acts: KeyActs) {
    this.#editor = editor;
    this.#acts = acts;
  }

  /** What stands in the place of the line, while the person answers or searches. */
  get question(): string | undefined {
    if (this.#secret !== undefined) return this.#secret.question;
    if (this.#lines !== undefined)
      return `${this.#lines.split('\n').length} lines pasted: y takes them as one message, l says each by itself, n drops them `;
    if (this.#search === undefined) return undefined;
    const { word, found } = this.#search;
    return `search "${word}": ${found?.line ?? 'nothing'}`;
  }

  /** Asks in the place of the line, which comes back as it is. @param answer undefined: the person did not want to say it */
  askSecret(question: string, answer: (secret: string | undefined) => void): void {
    this.#secret?.answer(undefined);
    this.#search = undefined;
    this.#secret = { question, typed: '', answer };
  }

  press(key: Key): void {
    const { name = '', sequence = '' } = key;
    if (name === 'paste-start') this.#pasted = '';
    else if (name === 'paste-end') this.#endPaste();
    else if (this.#pasted !== undefined) this.#pasted += sequence;
    else if (this.#secret !== undefined) this.#tell(key, this.#secret);
    else if (this.#lines !== undefined) this.#answer(key, this.#lines);
    else if (this.#search === undefined || !this.#searches(key, this.#search)) {
      if (name !== 'tab') this.#tab = undefined;
      const leaving = this.#leaving;
      this.#leaving = false;
      if (key.ctrl === true && name === 'c') this.#interrupt(leaving);
      else if (key.meta === true) this.#withAlt(name, sequence);
      else if (key.ctrl === true) this.#withCtrl(name);
      else this.#plain(name, sequence);
    }
  }

  #plain(name: string, sequence: string): void {
    const editor = this.#editor;
    const acts: Readonly<Record<string, () => void>> = {
      return: () => this.#acts.enter(editor.enter()),
      enter: () => this.#acts.enter(editor.enter()),
      backspace: () => editor.backspace(),
      delete: () => editor.delete(),
      left: () => editor.left(),
      right: () => editor.right(),
      home: () => editor.home(),
      end: () => editor.end(),
      up: () => editor.up(),
      down: () => editor.down(),
      tab: () => this.#complete(),
      pageup: () => this.#acts.scroll(1),
      pagedown: () => this.#acts.scroll(-1),
    };
    const act = Object.hasOwn(acts, name) ? acts[name] : undefined;
    if (act !== undefined) act();
    else if (isText(sequence)) editor.insert(sequence);
  }

  #withCtrl(name: string): void {
    const editor = this.#editor;
    const acts: Readonly<Record<string, () => void>> = {
      a: () => editor.home(),
      b: () => editor.left(),
      d: () => (editor.text === '' ? this.#acts.end() : editor.delete()),
      e: () => editor.end(),
      f: () => editor.right(),
      h: () => editor.backspace(),
      k: () => editor.cutToEnd(),
      l: () => this.#acts.redraw(),
      n: () => this.#acts.nextArea(1),
      p: () => this.#acts.nextArea(-1),
      r: () => (this.#search = { word: '', found: editor.find('') }),
      u: () => editor.cutToHome(),
      w: () => editor.cutWord(),
      y: () => editor.paste(),
      z: () => this.#acts.suspend(),
      left: () => editor.wordLeft(),
      right: () => editor.wordRight(),
    };
    if (Object.hasOwn(acts, name)) acts[name]?.();
  }

  #withAlt(name: string, sequence: string): void {
    const digit = /^\u001b(\d)$/.exec(sequence)?.[1];
    if (digit !== undefined) return this.#acts.area(digit === '0' ? 10 : Number(digit));
    const editor = this.#editor;
    const acts: Readonly<Record<string, () => void>> = {
      return: () => editor.insert('\n'),
      enter: () => editor.insert('\n'),
      a: () => this.#acts.nextUnread(),
      b: () => editor.wordLeft(),
      d: () => editor.cutWordRight(),
      f: () => editor.wordRight(),
      backspace: () => editor.cutWord(),
      left: () => this.#acts.nextArea(-1),
      right: () => this.#acts.nextArea(1),
    };
    if (Object.hasOwn(acts, name)) acts[name]?.();
  }

  #interrupt(leaving: boolean): void {
    if (this.#editor.text !== '') return this.#editor.clear();
    if (leaving) return this.#acts.interrupt();
    this.#leaving = true;
    this.#acts.say('* press Ctrl-C again to quit');
  }

  #endPaste(): void {
    const pasted = (this.#pasted ?? '').replace(/\r\n?/g, '\n');
    this.#pasted = undefined;
    const text = pasted.endsWith('\n') ? pasted.slice(0, -1) : pasted;
    if (this.#secret !== undefined) this.#secret.typed += text.split('\n', 1)[0] ?? '';
    else if (text.includes('\n')) this.#lines = text;
    else this.#editor.insert(text);
  }

  #tell({ name = '', sequence = '', ctrl = false, meta = false }: Key, secret: Secret): void {
    const end = (answer: string | undefined): void => {
      this.#secret = undefined;
      secret.answer(answer);
    };
    if (name === 'return' || name === 'enter') end(secret.typed === '' ? undefined : secret.typed);
    else if (name === 'escape' || (ctrl && (name === 'c' || name === 'd' || name === 'g'))) end(undefined);
    else if (name === 'backspace' || (ctrl && name === 'h'))
      secret.typed = clustersOf(secret.typed)
        .slice(0, -1)
        .map(({ text }) => text)
        .join('');
    else if (ctrl && name === 'u') secret.typed = '';
    else if (ctrl && name === 'z') this.#acts.suspend();
    else if (!ctrl && !meta && isText(sequence)) secret.typed += sequence;
  }

  #answer({ name = '', ctrl = false }: Key, lines: string): void {
    if (name === 'y' || name === 'return' || name === 'enter') this.#editor.insert(lines);
    else if (name === 'l') for (const line of lines.split('\n')) this.#acts.enter(line);
    else if (name !== 'n' && name !== 'escape' && !(ctrl && name === 'c')) return;
    this.#lines = undefined;
  }

  /** False: the key ends the search, with what was found, and does what it does. */
  #searches(key: Key, { word, found }: { word: string; found: ReturnType<LineEditor['find']> }): boolean {
    const { name = '', sequence = '', ctrl = false, meta = false } = key;
    const editor = this.#editor;
    if (ctrl && name === 'r') this.#search = { word, found: editor.find(word, found?.at) ?? found };
    else if (name === 'backspace')
      this.#search = { word: word.slice(0, -1), found: editor.find(word.slice(0, -1)) };
    else if ((ctrl && (name === 'c' || name === 'g')) || name === 'escape') this.#search = undefined;
    else if (!ctrl && !meta && isText(sequence))
      this.#search = { word: word + sequence, found: editor.find(word + sequence) };
    else {
      this.#search = undefined;
      if (found !== undefined) editor.set(found.line);
      // Enter puts the line there; another one sends it.
      return name === 'return' || name === 'enter';
    }
    return true;
  }

  /** The first Tab takes the first candidate, each further one the next. */
  #complete(): void {
    const editor = this.#editor;
    const rest = editor.text.slice(editor.cursor);
    const tab = this.#tab ?? { ...this.#acts.complete(editor.text.slice(0, editor.cursor)), at: -1, rest };
    if (tab.candidates.length === 0) return;
    const at = (tab.at + 1) % tab.candidates.length;
    const before = editor.text.slice(0, tab.from) + (tab.candidates[at] ?? '');
    editor.set(before + tab.rest, before.length);
    this.#tab = { ...tab, at };
  }
}
