import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LineEditor } from './line-editor.ts';

const editor = (text: string, cursor = text.length): LineEditor => {
  const made = new LineEditor();
  made.set(text, cursor);
  return made;
};

describe('the line that is typed', () => {
  it('moves and removes by what a person calls a character', () => {
    const line = editor('a👨‍👩‍👧e\u0301');
    line.left();
    assert.equal(line.cursor, 9);
    line.backspace();
    assert.equal(line.text, 'ae\u0301');
    line.delete();
    assert.equal(line.text, 'a');
    line.delete();
    line.left();
    line.left();
    line.backspace();
    assert.deepEqual([line.text, line.cursor], ['a', 0]);
    line.right();
    line.right();
    line.insert('你');
    assert.deepEqual([line.text, line.cursor], ['a你', 2]);
  });

  it('cuts words and ends, and pastes what was cut', () => {
    const line = editor('one two  three');
    line.cutWord();
    assert.equal(line.text, 'one two  ');
    line.cutWord();
    assert.equal(line.text, 'one ');
    line.paste();
    assert.equal(line.text, 'one two  ');
    line.cutToHome();
    assert.equal(line.text, '');
    line.paste();
    line.home();
    line.wordRight();
    assert.equal(line.cursor, 3);
    line.cutToEnd();
    assert.equal(line.text, 'one');
    line.home();
    line.cutWordRight();
    assert.equal(line.text, '');
  });

  it('moves in several lines, and beyond them to lines before', () => {
    const line = editor('');
    line.set('before');
    line.enter();
    line.set('first\nse\nthird');
    line.up();
    assert.equal(line.cursor, 8, 'end of the shorter line');
    line.up();
    assert.equal(line.cursor, 2);
    line.down();
    line.down();
    assert.equal(line.text.slice(0, line.cursor), 'first\nse\nth');
    line.home();
    assert.equal(line.cursor, 9);
    line.up();
    line.up();
    line.up();
    assert.equal(line.text, 'before');
    line.down();
    assert.equal(line.text, 'first\nse\nthird');
  });

  it('remembers what was entered, the same line once, and the new line meanwhile', () => {
    const line = editor('');
    for (const text of ['one', 'two', 'two', '  ']) {
      line.set(text);
      assert.equal(line.enter(), text);
    }
    line.insert('draft');
    line.older();
    assert.equal(line.text, 'two');
    line.older();
    line.older();
    assert.equal(line.text, 'one');
    line.newer();
    line.newer();
    line.newer();
    assert.equal(line.text, 'draft');
  });
});
