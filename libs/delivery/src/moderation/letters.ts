/**
 * Reduces texts to the letters that words are compared by: NFKC, without case, without anything that is no
 * letter, digit or mark. So `Ｂａｄ`, `b.a.d` and `B a d` are the same letters.
 */

/** Most UTF-16 units of a base character with its marks. Longer runs of marks are cut here. */
const SEGMENT_UNITS = 32;
/** Most characters of several units or letters that are remembered. */
const SEGMENTS = 8_192;
/** First characters of a decomposition that may change the character before them: marks, vowels and finals of Hangul. */
const JOINS = /^[\p{M}\u1160-\u11ff]/u;
/**
 * Characters that are left out: everything that separates, is invisible or decorates. A mark that all scripts
 * share (`Inherited`) and that NFKC has not composed only decorates, as in struck-through texts.
 */
const DROPPED = /[^\p{L}\p{N}\p{M}]|\p{DI}|(?=\p{M})\p{sc=Inherited}/gu;

/** Values of the table of units. Any other value is the letter itself. */
const NOT_KNOWN = 0;
const DROP = 1;
/** The unit stands for several letters, is half of a character, or may join the one before it. */
const COMPLEX = 2;

/** Values of the table of joining units. */
const JOINING = 1;
const NOT_JOINING = 2;

/** Letters of a text, and where each of them comes from. */
export class Letters {
  /** Key: UTF-16 unit. Filled when a unit is first met. */
  readonly #table = new Uint16Array(0x1_0000);
  /** Key: UTF-16 unit. Whether it joins the character before it. Filled when a unit is first met. */
  readonly #joining = new Uint8Array(0x1_0000);
  /** Key: a character with those that join it. Value: its letters, which take long to find. Emptied when it is full. */
  readonly #segments = new Map<string, string>();
  /** Letters of the newest text, UTF-16 units. Valid up to `length`, until the next `read`. */
  units = new Uint16Array(256);
  /** For each letter, begin of its character in the text. */
  begins = new Uint32Array(256);
  /** For each letter, end of its character in the text. */
  ends = new Uint32Array(256);
  length = 0;

  /** Reads a text, in one pass. The arrays have its letters afterwards. */
  read(text: string): void {
    this.length = 0;
    const { length } = text;
    for (let at = 0; at < length; ) {
      const letter = this.#letterOf(text.charCodeAt(at));
      const next = at + 1 < length ? this.#letterOf(text.charCodeAt(at + 1)) : DROP;
      if (letter === COMPLEX || next === COMPLEX) at = this.#readSegment(text, at);
      else {
        if (letter !== DROP) this.#add(letter, at, at + 1);
        at++;
      }
    }
  }

  #letterOf(unit: number): number {
    const known = this.#table[unit] ?? NOT_KNOWN;
    if (known !== NOT_KNOWN) return known;
    const character = String.fromCharCode(unit);
    const letters = lettersOf(character);
    const isComplex = (unit & 0xf800) === 0xd800 || letters.length > 1 || joins(character);
    return (this.#table[unit] = isComplex ? COMPLEX : letters === '' ? DROP : letters.charCodeAt(0));
  }

  /** Reads one character and the characters that join it. @returns where the next one begins */
  #readSegment(text: string, begin: number): number {
    let end = begin + unitsAt(text, begin);
    while (end < text.length && end - begin < SEGMENT_UNITS && this.#joinsAt(text, end))
      end += unitsAt(text, end);
    const letters = this.#lettersOf(text.slice(begin, end));
    for (let i = 0; i < letters.length; i++) this.#add(letters.charCodeAt(i), begin, end);
    return end;
  }

  #joinsAt(text: string, at: number): boolean {
    if (unitsAt(text, at) === 2) return joins(text.slice(at, at + 2));
    const unit = text.charCodeAt(at);
    return (this.#joining[unit] ||= joins(text.charAt(at)) ? JOINING : NOT_JOINING) === JOINING;
  }

  #lettersOf(segment: string): string {
    const known = this.#segments.get(segment);
    if (known !== undefined) return known;
    const letters = lettersOf(segment);
    if (this.#segments.size === SEGMENTS) this.#segments.clear();
    this.#segments.set(segment, letters);
    return letters;
  }

  #add(letter: number, begin: number, end: number): void {
    if (this.length === this.units.length) this.#grow();
    const at = this.length++;
    this.units[at] = letter;
    this.begins[at] = begin;
    this.ends[at] = end;
  }

  #grow(): void {
    const size = 2 * this.units.length;
    const { units, begins, ends } = this;
    (this.units = new Uint16Array(size)).set(units);
    (this.begins = new Uint32Array(size)).set(begins);
    (this.ends = new Uint32Array(size)).set(ends);
  }
}

const joins = (character: string): boolean => JOINS.test(character.normalize('NFKD'));
const unitsAt = (text: string, at: number): number => ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);

/** Upper case before lower case, so that ß is ss, and both forms of σ are one. */
const lettersOf = (text: string): string =>
  text.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC').replace(DROPPED, '');
