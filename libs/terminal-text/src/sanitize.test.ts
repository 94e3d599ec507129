import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { cleanLine, cleanLines } from './sanitize.ts';

/** Whatever a terminal would obey, or that hides or reorders what is read. */
const DANGEROUS =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/u;

describe('what others wrote', () => {
  it('keeps the texts of people as they are', () => {
    for (const text of [
      'hello',
      '你好，世界',
      'مرحبا',
      'naïve café',
      '😀 👍🏽 ❤️ 👨‍👩‍👧 🇩🇪',
      'e\u0301',
      'नमस्ते',
      'a — “b”',
    ])
      assert.equal(cleanLine(text), text);
  });

  it('loses escapes, controls and backspaces visibly', () => {
    assert.equal(cleanLine('\u001b[2J\u001b]0;title\u0007x'), '\ufffd[2J\ufffd]0;title\ufffdx');
    assert.equal(cleanLine('a\bb\u007f\u009b31m'), 'a\ufffdb\ufffd\ufffd31m');
    assert.equal(cleanLine('a\tb'), 'a b');
  });

  it('loses what reorders or hides text', () => {
    assert.equal(cleanLine('\u202egnp.exe'), '\ufffdgnp.exe');
    assert.equal(cleanLine('\u2066a\u2069'), '\ufffda\ufffd');
    assert.equal(cleanLine('a\u200bb\ufeffc\u00add'), 'a\ufffdb\ufffdc\ufffdd');
    assert.equal(cleanLine('a\u200db'), 'a\ufffdb');
    assert.equal(cleanLine('x\u{e0041}'), 'x\ufffd');
  });

  it('does not let marks climb over other lines', () => {
    assert.equal(cleanLine('a' + '\u0301'.repeat(500)), 'a' + '\u0301'.repeat(8));
  });

  it('is one line, or one a line, of which there are not too many', () => {
    assert.equal(cleanLine('a\r\nb\nc\rd'), 'a\u23ceb\u23cec\u23ced');
    assert.deepEqual(cleanLines('a\r\nb\n\nc\n\n'), ['a', 'b', '', 'c']);
    const many = cleanLines('x\n'.repeat(8000));
    assert.equal(many.length, 21);
    assert.equal(many.at(-1), '\u2026 7980 more lines');
  });

  it('never holds anything dangerous, whatever comes', () => {
    const anything = fc.string({ unit: 'binary', maxLength: 60 });
    const controls = fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 30 })
      .map((codes) => String.fromCharCode(...codes));
    fc.assert(
      fc.property(fc.oneof(anything, controls), (text) => {
        assert.doesNotMatch(cleanLine(text), DANGEROUS);
        for (const line of cleanLines(text)) assert.doesNotMatch(line, DANGEROUS);
      }),
    );
  });
});
