import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeRow, fitRow, type Row, rowOf, span, widthOfRow, wrapRow } from './rows.ts';

const textOf = (row: Row): string => row.map(({ text }) => text).join('');
const wrapped = (text: string, width: number, indent = 0): string[] =>
  wrapRow([span(text)], width, indent).map(textOf);

describe('a row that is wrapped', () => {
  it('is broken between words, with the next rows indented', () => {
    assert.deepEqual(wrapped('one two three four', 9), ['one two ', 'three ', 'four']);
    assert.deepEqual(wrapped('one two three four', 9, 2), ['one two ', '  three ', '  four']);
    assert.deepEqual(wrapped('exactly nine', 7), ['exactly', 'nine']);
  });

  it('is broken inside a word that is longer than a row, and between wide characters', () => {
    assert.deepEqual(wrapped('abcdefghij', 4), ['abcd', 'efgh', 'ij']);
    assert.deepEqual(wrapped('你好世界啊', 5), ['你好', '世界', '啊']);
    assert.deepEqual(wrapped('a 👨‍👩‍👧👨‍👩‍👧', 4), ['a 👨‍👩‍👧', '👨‍👩‍👧']);
  });

  it('keeps styles', () => {
    const rows = wrapRow([span('one ', '1'), span('two', '2')], 5);
    assert.deepEqual(rows, [[span('one ', '1')], [span('two', '2')]]);
  });

  it('never is wider than it may be, and loses nothing but blanks', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 60 });
    fc.assert(
      fc.property(
        text,
        fc.integer({ min: 4, max: 20 }),
        fc.integer({ min: 0, max: 3 }),
        (given, width, indent) => {
          const plain = given.replace(/\p{C}/gu, '?');
          const rows = wrapRow([span(plain)], width, indent);
          for (const row of rows) assert.ok(widthOfRow(row) <= Math.max(width, 12), textOf(row));
          const squeezed = (some: string): string => some.replaceAll(' ', '');
          assert.equal(squeezed(rows.map(textOf).join('')), squeezed(plain));
        },
      ),
    );
  });
});

describe('a row that is fitted', () => {
  it('has exactly the width', () => {
    assert.equal(textOf(fitRow([span('abc')], 5)), 'abc  ');
    assert.equal(textOf(fitRow([span('abcdef')], 5)), 'abcd\u2026');
    assert.equal(textOf(fitRow([span('你好世')], 5)), '你好\u2026');
    assert.equal(widthOfRow(fitRow([span('a你好世')], 5)), 5);
  });
});

describe('a line of the view', () => {
  it('keeps its colours', () => {
    assert.deepEqual(rowOf('\u001b[2m12:00\u001b[0m bob'), [span('12:00', '2'), span(' bob')]);
    assert.deepEqual(rowOf('plain'), [span('plain')]);
  });
});

describe('a row as it is written', () => {
  it('places the cursor behind what terminals do not agree on', () => {
    assert.equal(encodeRow([span('a❤️b')]), 'a❤️\u001b[4Gb');
    assert.equal(encodeRow([span('ab', '1'), span('c')]), '\u001b[1mab\u001b[0mc');
  });

  it('has no control character of a text in it, whatever has come so far', () => {
    assert.equal(encodeRow([span('a\u001b[2Jb\u0007\u009b\n\u2028')]).includes('\u001b[2J'), false);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const written = encodeRow([span(text)]).replace(/\u001b\[\d+G/g, '');
        assert.doesNotMatch(written, /\p{Cc}/u);
      }),
    );
  });
});
