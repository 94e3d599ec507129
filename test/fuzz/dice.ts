/** Random choices that are the same for the same seed. */
import { below, seeded } from '../chaos/random.ts';

export class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return below(this.#random, limit);
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True in this many of 100 cases. */
  percent(cases: number): boolean {
    return this.#random() * 100 < cases;
  }

  pick<T>(from: readonly [T, ...T[]] | readonly T[]): T {
    const chosen = from[this.below(from.length)];
    if (chosen === undefined && from.length === 0) throw new Error('nothing to pick from');
    return chosen as T;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; at++) bytes[at] = this.below(256);
    return bytes;
  }
}

/** Each life of each door has its own seed, so that one life can be run again alone. */
export const seedOf = (seed: number, door: string, life: number): number =>
  [...door].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 0x01000193), seed ^ 0x811c9dc5) +
  Math.imul(life, 0x9e3779b1);
