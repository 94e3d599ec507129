import { Slice } from '@cim/runtime';
import { Letters } from './letters.ts';
import { type SensitiveWord, WORD_LETTERS, type WordAction } from './word-matcher.ts';

/** Most words of a file. Each takes about 250 bytes of memory. */
const MOST_WORDS = 100_000;
export const MOST_FILE_BYTES = 8 * 1024 * 1024;

const ACTIONS: readonly WordAction[] = ['refuse', 'mask', 'flag'];

/**
 * Reads a file of sensitive words: a word on each line, below `[refuse]`, `[mask]` or `[flag]`. Lines that begin
 * with `#` are comments. Works in slices, so that the event loop goes on meanwhile.
 * @throws {Error} one line that names the line of the file and says what to do
 */
export async function parseWordList(text: string): Promise<SensitiveWord[]> {
  const slice = new Slice();
  const letters = new Letters();
  const words: SensitiveWord[] = [];
  let action: WordAction | undefined;
  for (const [at, line] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    const word = line.trim();
    if (word === '' || word.startsWith('#')) continue;
    const problem = (what: string): Error => new Error(`line ${at + 1} ${what}`);
    const heading = /^\[(.*)\]$/.exec(word)?.[1];
    if (heading !== undefined) {
      action = ACTIONS.find((one) => one === heading);
      if (action === undefined)
        throw problem('has a heading that is none of [refuse], [mask] and [flag]; correct it');
      continue;
    }
    if (action === undefined)
      throw problem('has a word before the first heading; put [refuse], [mask] or [flag] above it');
    letters.read(word);
    if (letters.length === 0)
      throw problem('has no letter and no digit; only these are compared, so remove the line');
    // "c++" would be found in every text with a c.
    if (letters.length === 1 && [...word].length > 1)
      throw problem(
        'has one letter beside characters that are skipped; write the letter alone if you mean it',
      );
    if (letters.length > WORD_LETTERS)
      throw problem(`has ${letters.length} letters; at most ${WORD_LETTERS} are allowed`);
    if (words.length === MOST_WORDS) throw problem(`is beyond ${MOST_WORDS} words; remove words`);
    words.push({ text: word, action });
    if (slice.over) await slice.next();
  }
  return words;
}
