import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FOUND, type SensitiveWord, WordMatcher } from './word-matcher.ts';

const matcherOf = (...words: [text: string, action?: SensitiveWord['action']][]): Promise<WordMatcher> =>
  WordMatcher.of(words.map(([text, action = 'refuse']) => ({ text, action })));

test('a word is found in every form that people write it in', async () => {
  const matcher = await matcherOf(['badword'], ['法轮'], ['ガス'], ['straße'], ['각하'], ['οδος']);
  for (const text of [
    'badword',
    'a badword!',
    'xbadwordx',
    'BaDwOrD',
    'ｂａｄｗｏｒｄ',
    'b.a.d-w_o r d',
    'b\u200ba\u200dd\u00adword',
    'bad\nword',
    'b\u0336a\u0336d\u0336word',
    '𝐛𝐚𝐝𝐰𝐨𝐫𝐝',
    'ⓑⓐⓓⓦⓞⓡⓓ',
    'b🙂a🙂dword',
    'bad\u3164word',
    '在法 轮前',
    '法★轮',
    'ｶﾞｽ',
    'STRASSE',
    'ΟΔΟΣ',
    '각하'.normalize('NFD'),
  ])
    assert.equal(matcher.find(text), FOUND.refuse, JSON.stringify(text));
  for (const text of ['', 'bad wort', 'bádword', 'badwordless'.slice(0, 6), '法', 'カス', '가하', '🙂'])
    assert.equal(matcher.find(text), 0, JSON.stringify(text));
});

test('a word is found inside, before and behind others that begin alike', async () => {
  const matcher = await matcherOf(['abcd', 'flag'], ['bc', 'refuse'], ['cde', 'mask']);
  assert.equal(matcher.find('abx abc'), FOUND.refuse);
  assert.equal(matcher.find('abcd'), FOUND.flag | FOUND.refuse);
  assert.equal(matcher.find('xcde'), FOUND.mask);
  assert.equal(matcher.find('abcde'), FOUND.flag | FOUND.refuse | FOUND.mask);
  assert.equal((await matcherOf()).find('abc'), 0);
});

test('what is masked is the word with what stands between its letters, an asterisk for each character', async () => {
  const matcher = await matcherOf(['bad', 'mask'], ['adder', 'mask'], ['good', 'refuse'], ['ﬁ', 'mask']);
  for (const [text, masked] of [
    ['a bad day', 'a *** day'],
    ['b.a.d!', '*****!'],
    ['bad bad', '*** ***'],
    ['a badder word', 'a ****** word'],
    ['badbad', '******'],
    ['𝐛𝐚𝐝', '***'],
    ['afire', 'a**re'],
    ['ﬁ', '*'],
    ['good and bad', 'good and ***'],
    ['nothing', 'nothing'],
  ])
    assert.equal(matcher.mask(text ?? ''), masked);
});

/** The letters of a text by the plainest means. */
const naiveLetters = (text: string): string =>
  [...text.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC').replaceAll('ς', 'σ')]
    .filter(
      (c) => /[\p{L}\p{N}\p{M}]/u.test(c) && !/\p{DI}/u.test(c) && !/(?=\p{M})\p{sc=Inherited}/u.test(c),
    )
    .join('');

const letter = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...'abAB', 'ａ', 'é', 'e\u0301') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(...' .-', '\u200b', '🙂', '\u0336', 'ß', 'ﬁ', 'Σ', '각', 'ㄱ', 'ㅏ', 'ｶ', 'ﾞ'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }) },
);
const texts = (most: number) => fc.array(letter, { maxLength: most }).map((letters) => letters.join(''));
const words = fc
  .array(
    fc.record({
      text: texts(5),
      action: fc.constantFrom<SensitiveWord['action']>('refuse', 'mask', 'flag'),
    }),
    { maxLength: 8 },
  )
  .map((all) => all.filter(({ text }) => naiveLetters(text) !== ''));

test('finds the words that a naive search finds', async () => {
  await fc.assert(
    fc.asyncProperty(words, fc.array(texts(40), { minLength: 5, maxLength: 5 }), async (list, given) => {
      const matcher = await WordMatcher.of(list);
      for (const text of given) {
        const letters = naiveLetters(text);
        let bits = 0;
        for (const word of list) if (letters.includes(naiveLetters(word.text))) bits |= FOUND[word.action];
        assert.equal(matcher.find(text), bits, JSON.stringify({ list, text }));
      }
    }),
    { numRuns: 400 },
  );
});

test('a masked text is as long as before and has no word of the list any more', async () => {
  await fc.assert(
    fc.asyncProperty(words, texts(40), async (list, text) => {
      const matcher = await WordMatcher.of(list.map((word) => ({ ...word, action: 'mask' })));
      const masked = matcher.mask(text);
      assert.equal([...masked].length, [...text].length);
      const isChanged = [...masked].map((c, i) => c !== [...text][i]);
      assert.ok([...masked].every((c, i) => c === '*' || isChanged[i] === false));
      assert.equal(masked === text, matcher.find(text) === 0 || !/[^*]/u.test(text));
    }),
    { numRuns: 400 },
  );
});

test('a hostile text costs no more than its length: long runs of marks, and of begins of words', async () => {
  const matcher = await matcherOf([`${'a'.repeat(63)}b`, 'mask']);
  for (const text of ['a'.repeat(8_192), `e${'\u0301\u0323'.repeat(2_000)}`, '𝐚'.repeat(2_048)]) {
    assert.equal(matcher.find(text), 0);
    assert.equal(matcher.mask(text), text);
  }
});

test('a word is found behind more different characters with marks than are remembered', async () => {
  const matcher = await matcherOf(['é\u0323']);
  const marked = Array.from({ length: 26 * 400 }, (_, i) =>
    String.fromCodePoint(97 + (i % 26), 0x4e00 + i, 0x0301, 0x0591 + (i % 30)),
  ).join('');
  for (let i = 0; i < 2; i++) {
    assert.equal(matcher.find(`${marked}x`), 0);
    assert.equal(matcher.find(`${marked}xe\u0323\u0301`), FOUND.refuse);
  }
});

test('a list of many words is built, and each of them is found', async () => {
  const list = Array.from({ length: 20_000 }, (_, i) => `word${(i * 7_919) % 100_003}x`);
  const matcher = await matcherOf(...list.map((text): [string] => [text]));
  assert.equal(matcher.size, 20_000);
  for (const word of list) if (matcher.find(`a ${word} b`) === 0) assert.fail(word);
  assert.equal(matcher.find('word x'), 0);
});
