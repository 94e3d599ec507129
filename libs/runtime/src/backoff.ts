/**
 * Delays between tries. Each delay is random below a ceiling (full jitter); the ceiling doubles from `baseMs`
 * to `maxMs`.
 */
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

  /** Draws the next delay [ms]. */
  next(): number {
    const ceiling = Math.min(this.#maxMs, this.#baseMs * 2 ** this.#attempt);
    if (ceiling < this.#maxMs) this.#attempt++;
    return Math.ceil(this.#random() * ceiling);
  }

  /** Starts again at `baseMs`. Call it after a success. */
  reset(): void {
    this.#attempt = 0;
  }
}
