/**
 * Prints what the check for sensitive words costs: 20,000 words, texts of 60 characters.
 * Run it with `node --import tsx bench/words.ts`.
 */
import { WordMatcher } from '@cim/delivery';

const WORDS = 20_000;
const TEXTS = 2_000;
const CHARACTERS = 60;
const ROUNDS = 50;

/** A generator with a seed, so that two runs compare (mulberry32). */
let seed = 1;
const below = (most: number): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % most;
};
const textOf = (first: number, letters: number, length: number): string =>
  Array.from({ length }, () => String.fromCharCode(first + below(letters))).join('');

const KINDS = [
  { name: 'Latin', first: 0x61, letters: 26, word: () => 4 + below(7) },
  { name: 'Chinese', first: 0x4e00, letters: 2_000, word: () => 2 + below(3) },
];

for (const { name, first, letters, word } of KINDS) {
  const words = Array.from({ length: WORDS }, () => ({
    text: textOf(first, letters, word()),
    action: 'mask' as const,
  }));
  const begun = performance.now();
  const matcher = await WordMatcher.of(words);
  const builtMs = performance.now() - begun;
  // Each text begins with most of a word, so that the search follows words.
  const texts = words
    .slice(0, TEXTS)
    .map(({ text }) => (text.slice(0, -1) + textOf(first, letters, CHARACTERS)).slice(0, CHARACTERS));
  let found = 0;
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (const text of texts) found += matcher.find(text);
    times.push(((performance.now() - start) * 1_000) / texts.length);
  }
  times.sort((a, b) => a - b);
  const [fastest = 0] = times;
  const median = times[ROUNDS / 2] ?? 0;
  console.log(
    `${name}: ${median.toFixed(2)} µs a text of ${CHARACTERS} characters (${WORDS} words, median of ${ROUNDS} rounds, fastest ${fastest.toFixed(2)} µs, slowest ${(times.at(-1) ?? 0).toFixed(2)} µs; ${found > 0 ? 'some' : 'none'} found); built in ${builtMs.toFixed(0)} ms`,
  );
}
