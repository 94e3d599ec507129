import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clustersOf, widthOf } from './width.ts';

/** Texts whose width is the same in all terminals. */
const WIDTHS: readonly (readonly [text: string, width: number])[] = [
  ['hello', 5],
  ['naïve café', 10],
  ['cafe\u0301', 4],
  ['你好，世界', 10],
  ['ｆｕｌｌ', 8],
  ['한국어', 6],
  ['ひらがなカナ', 12],
  ['مرحبا', 5],
  ['😀👍', 4],
  ['👨‍👩‍👧', 2],
  ['👍🏽', 2],
  ['\ufffd', 1],
];

describe('the width of a text', () => {
  for (const [text, width] of WIDTHS) it(`of ${text} is ${width}`, () => assert.equal(widthOf(text), width));
});

describe('clusters', () => {
  it('are what a person calls one character', () => {
    const text = 'e\u0301👨‍👩‍👧🇩🇪नि';
    assert.deepEqual(
      clustersOf(text).map((cluster) => cluster.text),
      ['e\u0301', '👨‍👩‍👧', '🇩🇪', 'नि'],
    );
  });

  it('are unsure where terminals differ', () => {
    for (const text of ['❤️', '👨‍👩‍👧', '🇩🇪', 'नि', '1️⃣', '→'])
      assert.equal(clustersOf(text)[0]?.sure, false, text);
    for (const text of ['a', 'é', '好', 'カ', '한']) assert.equal(clustersOf(text)[0]?.sure, true, text);
  });
});
