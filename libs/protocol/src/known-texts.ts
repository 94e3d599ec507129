/** A power of two. */
const SLOTS = 4_096;
const LONGEST = 64;

/**
 * Short ASCII texts that came before: the same string again instead of a new one. A producer's name comes with each of
 * its messages; made anew each time, character by character, it is what the garbage of a busy server mostly is.
 */
export class KnownTexts {
  /** By hash; a newer text takes the place of an older one. */
  readonly #texts: string[] = new Array<string>(SLOTS).fill('');

  /** Undefined for what is too long, or not ASCII. */
  read(bytes: Buffer, from: number, to: number): string | undefined {
    if (to - from > LONGEST) return undefined;
    let hash = 0;
    for (let i = from; i < to; i++) {
      const byte = bytes[i] as number;
      if (byte > 0x7f) return undefined;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    const slot = (hash ^ (hash >>> 12)) & (SLOTS - 1);
    const known = this.#texts[slot] as string;
    if (isText(known, bytes, from, to)) return known;
    return (this.#texts[slot] = bytes.toString('latin1', from, to));
  }
}

function isText(text: string, bytes: Uint8Array, from: number, to: number): boolean {
  if (text.length !== to - from) return false;
  for (let i = from; i < to; i++) if (text.charCodeAt(i - from) !== bytes[i]) return false;
  return true;
}
