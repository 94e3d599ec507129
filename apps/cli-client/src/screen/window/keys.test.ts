import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { type Key, type KeyActs, Keys } from './keys.ts';
import { LineEditor } from './line-editor.ts';

let entered: string[];
let answers: (string | undefined)[];
let editor: LineEditor;
let keys: Keys;
beforeEach(() => {
  [entered, answers, editor] = [[], [], new LineEditor()];
  const nothing = (): void => undefined;
  const acts: KeyActs = {
    ...{ interrupt: nothing, end: nothing, suspend: nothing, redraw: nothing, area: nothing },
    ...{ nextArea: nothing, nextUnread: nothing, scroll: nothing, say: nothing },
    enter: (line) => entered.push(line),
    complete: () => ({ from: 0, candidates: [] }),
  };
  keys = new Keys(editor, acts);
});

const type = (text: string): void => {
  for (const sequence of text) keys.press({ sequence, name: sequence });
};
const press = (...all: Key[]): void => {
  for (const key of all) keys.press(key);
};
const ask = (): void => keys.askSecret('password: ', (answer) => answers.push(answer));
const paste = (text: string): void => {
  press({ name: 'paste-start' });
  type(text);
  press({ name: 'paste-end' });
};

describe('a secret that is asked for', () => {
  it('is typed, pasted and mended unseen, and leaves the line as it was', () => {
    type('half');
    ask();
    type('secrets');
    press({ name: 'backspace' });
    paste(' and more\nrows');
    assert.equal(keys.question, 'password: ');
    press({ name: 'return' });
    assert.deepEqual(answers, ['secret and more']);
    assert.deepEqual([keys.question, editor.text, entered], [undefined, 'half', []]);
    ask();
    type('wrong');
    press({ name: 'u', ctrl: true });
    type('right');
    press({ name: 'return' });
    assert.equal(answers[1], 'right');
  });

  it('is not said with Ctrl-C, Escape, or Enter alone', () => {
    for (const key of [{ name: 'c', ctrl: true }, { name: 'escape' }, { name: 'return' }]) {
      ask();
      if (key.name !== 'return') type('x');
      press(key);
    }
    assert.deepEqual(answers, [undefined, undefined, undefined]);
    assert.equal(keys.question, undefined);
    assert.equal(editor.text, '');
  });
});
