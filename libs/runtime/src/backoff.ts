/** Full jitter: each delay is random below a ceiling that doubles from `baseMs` to `maxMs`. */
export class Backoff {
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #attempt = 0;

  constructor(baseMs: number, maxMs: number, random: () => number = Math.random) {
    this.#baseMs = baseMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** The next delay in ms. */
  next(): number {
    const ceiling = Math.min(this.#maxMs, this.#baseMs * 2 ** this.#attempt);
    if (ceiling < this.#maxMs) this.#attempt++;
    return Math.ceil(this.#random() * ceiling);
  }

  /** After a success. */
  reset(): void {
    this.#attempt = 0;
  }
}
