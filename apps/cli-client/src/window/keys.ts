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
}

/** What each key does. */
export class Keys {
  readonly #editor: LineEditor;
  readonly #acts: KeyActs;
  /** What is pasted, while it comes. */
  #pasted: string | undefined;
  /** Ctrl-C was pressed last, on an empty line: another one quits. */
  #leaving = false;

  constructor(editor: LineEditor, acts: KeyActs) {
    this.#editor = editor;
    this.#acts = acts;
  }

  press(key: Key): void {
    const { name = '', sequence = '' } = key;
    if (name === 'paste-start') this.#pasted = '';
    else if (name === 'paste-end') this.#endPaste();
    else if (this.#pasted !== undefined) this.#pasted += sequence;
    else {
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
      pageup: () => this.#acts.scroll(1),
      pagedown: () => this.#acts.scroll(-1),
    };
    const act = Object.hasOwn(acts, name) ? acts[name] : undefined;
    if (act !== undefined) act();
    else if (!sequence.startsWith('\u001b') && sequence >= ' ' && sequence !== '\u007f')
      editor.insert(sequence);
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
    this.#editor.insert(pasted);
  }
}
