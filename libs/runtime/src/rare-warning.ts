import type { Logger } from './logger.ts';

/**
 * A warning that may be due thousands of times a second. It is logged at once, and then at most once per
 * interval.
 */
export class RareWarning {
  readonly #logger: Logger;
  readonly #message: string;
  readonly #everyMs: number;
  #times = 0;
  /** When the warning was last logged [ms, monotonic]. */
  #saidAt = Number.NEGATIVE_INFINITY;

  constructor(logger: Logger, message: string, everyMs = 10_000) {
    this.#logger = logger;
    this.#message = message;
    this.#everyMs = everyMs;
  }

  /** Logs the warning, or counts it. `times` says how often it was due since it was last logged. */
  due(fields: Readonly<Record<string, unknown>>): void {
    this.#times++;
    const now = performance.now();
    if (now - this.#saidAt < this.#everyMs) return;
    this.#saidAt = now;
    this.#logger.warn({ ...fields, times: this.#times }, this.#message);
    this.#times = 0;
  }
}
