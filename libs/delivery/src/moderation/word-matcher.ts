import { Slice } from '@cim/runtime';
import { Letters } from './letters.ts';

/** What is done with a text that has a word of a list. */
export type WordAction = 'refuse' | 'mask' | 'flag';

/** The bits of what was found in a text: words of which lists. */
export const FOUND = { flag: 1, mask: 2, refuse: 4 } as const;

export interface SensitiveWord {
  readonly text: string;
  readonly action: WordAction;
}

/** Longest word in letters. It bounds what a hostile text costs when it is masked. */
export const WORD_LETTERS = 64;

/**
 * Finds words in texts by the algorithm of Aho and Corasick: one step for each letter, however many words
 * there are. A state stands for the begin of a word; its fallback is the longest other begin that it ends
 * with. States are numbered by their length, and those that follow one state have neighbouring numbers: the
 * search then mostly stays within the processor's cache.
 */
export class WordMatcher {
  readonly size: number;
  readonly #letters: Letters;
  readonly #states: States;

  private constructor(letters: Letters, states: States, size: number) {
    this.size = size;
    this.#letters = letters;
    this.#states = states;
  }

  /** Builds a matcher in slices, so that the event loop goes on meanwhile. */
  static async of(words: readonly SensitiveWord[]): Promise<WordMatcher> {
    const letters = new Letters();
    const slice = new Slice();
    const tree = new WordTree();
    for (const { text, action } of words) {
      letters.read(text);
      tree.add(letters, action);
      if (slice.over) await slice.next();
    }
    return new WordMatcher(letters, await statesOf(tree, slice), words.length);
  }

  /** The bits of `FOUND` of the words in a text; 0 when there is none. */
  find(text: string): number {
    this.#letters.read(text);
    const { units, length } = this.#letters;
    const states = this.#states;
    let state = 0;
    let bits = 0;
    for (let i = 0; i < length; i++) {
      state = states.step(state, units[i] ?? 0);
      bits |= states.found[state] ?? 0;
    }
    return bits;
  }

  /** The text with an asterisk for each character of the words to mask, and of what stands between their letters. */
  mask(text: string): string {
    this.#letters.read(text);
    const { units, begins, ends, length } = this.#letters;
    /** Begins and ends of what is masked, in the text. */
    const spans: [begin: number, end: number][] = [];
    let state = 0;
    for (let i = 0; i < length; i++) {
      state = this.#states.step(state, units[i] ?? 0);
      const masked = this.#states.masked[state] ?? 0;
      if (masked === 0) continue;
      const [begin, end] = [begins[i + 1 - masked] ?? 0, ends[i] ?? 0];
      // Ends grow, so a span can reach into earlier ones but not behind this one.
      let from = begin;
      for (let last = spans.at(-1); last !== undefined && last[1] >= begin; last = spans.at(-1)) {
        from = Math.min(from, last[0]);
        spans.pop();
      }
      spans.push([from, end]);
    }
    let [out, at] = ['', 0];
    for (const [begin, end] of spans) {
      out += text.slice(at, begin) + '*'.repeat([...text.slice(begin, end)].length);
      at = end;
    }
    return out + text.slice(at);
  }
}

/** The states of a search. State 0 is its begin. */
class States {
  /** Key: state. The states that follow it begin here, and end where those of the next state begin. */
  readonly first: Uint32Array;
  /** Key: state. The letter that leads to it. Ascending among the states that follow one state. */
  readonly by: Uint16Array;
  /** Key: state. */
  readonly fallback: Uint32Array;
  /** Key: state. Bits of the words that end here. */
  readonly found: Uint8Array;
  /** Key: state. Letters of the longest word to mask that ends here. */
  readonly masked: Uint8Array;
  /** Key: letter. The state that follows state 0, which most steps lead to. */
  readonly #begin = new Uint32Array(0x1_0000);

  constructor(count: number) {
    this.first = new Uint32Array(count + 1);
    this.by = new Uint16Array(count);
    this.fallback = new Uint32Array(count);
    this.found = new Uint8Array(count);
    this.masked = new Uint8Array(count);
  }

  /** The state that follows by a letter; 0 when no word goes on so. */
  next(state: number, letter: number): number {
    if (state === 0) return this.#begin[letter] ?? 0;
    let low = this.first[state] ?? 0;
    const end = this.first[state + 1] ?? 0;
    for (let high = end; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((this.by[middle] ?? 0) < letter) low = middle + 1;
      else high = middle;
    }
    return low < end && this.by[low] === letter ? low : 0;
  }

  /** The state after one more letter of a text. */
  step(from: number, letter: number): number {
    for (let state = from; ; state = this.fallback[state] ?? 0) {
      const next = this.next(state, letter);
      if (next !== 0 || state === 0) return next;
    }
  }

  /** Adds the states that follow one state. Called for each state, in their order. */
  add(state: number, letters: readonly number[], at: number): void {
    this.first[state] = at;
    this.first[state + 1] = at + letters.length;
    this.by.set(letters, at);
    if (state === 0) letters.forEach((letter, i) => (this.#begin[letter] = at + i));
  }
}

/** Words with their common begins together, as they come. A node stands for the begin of a word. */
class WordTree {
  /** Key: node · 65,536 + letter. Value: the node that follows. */
  readonly #edges = new Map<number, number>();
  /** Key: node. Letters of the nodes that follow it; undefined for none. */
  readonly letters: (number[] | undefined)[] = [undefined];
  readonly found: number[] = [0];
  readonly masked: number[] = [0];

  add({ units, length }: Letters, action: WordAction): void {
    let node = 0;
    for (let i = 0; i < length; i++) {
      const letter = units[i] ?? 0;
      const next = this.next(node, letter);
      if (next !== 0) node = next;
      else {
        (this.letters[node] ??= []).push(letter);
        const added = this.letters.push(undefined) - 1;
        this.#edges.set(node * 0x1_0000 + letter, added);
        this.found.push(0);
        this.masked.push(0);
        node = added;
      }
    }
    this.found[node] = (this.found[node] ?? 0) | FOUND[action];
    if (action === 'mask') this.masked[node] = length;
  }

  /** 0: no word goes on so. */
  next(node: number, letter: number): number {
    return this.#edges.get(node * 0x1_0000 + letter) ?? 0;
  }
}

/** Numbers the nodes of a tree, the shortest begins first, and finds their fallbacks. */
async function statesOf(tree: WordTree, slice: Slice): Promise<States> {
  const count = tree.letters.length;
  const states = new States(count);
  const { fallback, found, masked } = states;
  /** Key: state. */
  const nodes = new Uint32Array(count);
  let numbered = 1;
  for (let state = 0; state < count; state++) {
    const node = nodes[state] ?? 0;
    // What ends at the fallback ends here too. The fallback is shorter, so it is complete.
    const shorter = fallback[state] ?? 0;
    found[state] = (tree.found[node] ?? 0) | (found[shorter] ?? 0);
    masked[state] = Math.max(tree.masked[node] ?? 0, masked[shorter] ?? 0);
    const letters = (tree.letters[node] ?? []).sort((a, b) => a - b);
    states.add(state, letters, numbered);
    for (const letter of letters) {
      nodes[numbered] = tree.next(node, letter);
      if (state !== 0) fallback[numbered] = states.step(shorter, letter);
      numbered++;
    }
    if (slice.over) await slice.next();
  }
  return states;
}
