/** `open`: no call is made. `half-open`: one call tries whether the other side is back. */
export type CircuitState = 'closed' | 'open' | 'half-open';

export interface CircuitOptions {
  /** So many failures in a row open it. */
  readonly failures: number;
  /** So long no call is made then [ms]. */
  readonly openMs: number;
  /** ms, monotonic. */
  readonly now?: () => number;
}

/**
 * Keeps calls away from a system that does not answer, so that nobody waits for a deadline each time. The caller asks `admits`
 * before each call and says afterwards what became of it.
 */
export class CircuitBreaker {
  readonly #failures: number;
  readonly #openMs: number;
  readonly #now: () => number;
  #inRow = 0;
  /** Since when no call is made, or the one that tries is under way. */
  #openedAt: number | undefined;
  #tries = false;

  constructor({ failures, openMs, now = () => performance.now() }: CircuitOptions) {
    this.#failures = failures;
    this.#openMs = openMs;
    this.#now = now;
  }

  get state(): CircuitState {
    if (this.#openedAt === undefined) return 'closed';
    return this.#now() - this.#openedAt < this.#openMs ? 'open' : 'half-open';
  }

  /** Whether a call may be made now. Each call that is admitted ends with `succeeded` or `failed`. */
  admits(): boolean {
    const { state } = this;
    if (state !== 'half-open') return state === 'closed';
    if (this.#tries) return false;
    this.#tries = true;
    return true;
  }

  succeeded(): void {
    this.#inRow = 0;
    this.#openedAt = undefined;
    this.#tries = false;
  }

  failed(): void {
    this.#inRow++;
    this.#tries = false;
    if (this.#inRow >= this.#failures) this.#openedAt = this.#now();
  }
}
