/** `open`: no call is made. `half-open`: one call tries whether the other side is back. */
export type CircuitState = 'closed' | 'open' | 'half-open';

export interface CircuitOptions {
  /** The circuit opens after this many failures in a row. */
  readonly failures: number;
  /** How long the circuit stays open: no call is made [ms]. */
  readonly openMs: number;
  /** The time of a monotonic clock [ms]. */
  readonly now?: () => number;
}

/**
 * Keeps calls away from a system that does not answer, so that callers do not wait for a deadline each time.
 * The caller asks `admits` before each call, and reports its outcome afterwards.
 */
export class CircuitBreaker {
  readonly #failures: number;
  readonly #openMs: number;
  readonly #now: () => number;
  #inRow = 0;
  /** When the circuit opened; undefined while it is closed. */
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

  /** Whether a call may be made now. A caller that makes it must call `succeeded` or `failed` afterwards. */
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
