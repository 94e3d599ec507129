import { foldName } from '@cim/protocol';

const CANDIDATES = 100;

/** What Tab can put in the place of the word before the cursor. */
export interface Completion {
  /** Where the word begins. */
  readonly from: number;
  readonly candidates: readonly string[];
}

/** The line up to the word after `:set`. */
const SET = /^:set\s+$/;

/**
 * Commands at the beginning of a line, options after `:set`, and names and groups anywhere. At the beginning names and groups
 * get the `;;` of a message to them.
 */
export function completionOf(
  before: string,
  known: {
    readonly commands: readonly string[];
    readonly names: readonly string[];
    readonly groups: readonly string[];
    readonly options: readonly string[];
  },
): Completion {
  let from = before.length;
  while (from > 0 && !/\s/.test(before[from - 1] ?? '')) from--;
  const word = before.slice(from);
  const isFirst = from === 0;
  if (SET.test(before.slice(0, from))) return { from, candidates: fitting(known.options, word, ' ') };
  if (word === '') return { from, candidates: [] };
  if (word.startsWith(':')) return { from, candidates: isFirst ? fitting(known.commands, word, '') : [] };
  const end = isFirst ? ';;' : ' ';
  return { from, candidates: fitting(word.startsWith('#') ? known.groups : known.names, word, end) };
}

function fitting(all: readonly string[], word: string, end: string): readonly string[] {
  const wanted = foldName(word);
  return [...new Set(all)]
    .filter((one) => foldName(one).startsWith(wanted))
    .slice(0, CANDIDATES)
    .map((one) => one + end);
}
