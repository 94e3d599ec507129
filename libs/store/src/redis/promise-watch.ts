/** Asks, from time to time, whether the promise of the durability mode can still be kept. */
import { CimError } from '@cim/protocol';
import type { Logger } from '@cim/runtime';

export interface PromiseWatchParts {
  /** What is in the way, in one line; undefined for nothing. Throws when Redis does not answer. */
  readonly check: () => Promise<string | undefined>;
  readonly logger: Logger;
  /** How often it asks; while something is in the way more often. */
  readonly everyMs: number;
}

/** While something is in the way, in ms: whoever mends it should not wait. */
const BROKEN_EVERY_MS = 2_000;

export class PromiseWatch {
  readonly #parts: PromiseWatchParts;
  #problem: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(parts: PromiseWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#again();
  }

  /** @throws {CimError} 4000 with the line that names what is in the way */
  assertKept(): void {
    if (this.#problem !== undefined) throw new CimError('failure', this.#problem);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #again(): void {
    if (this.#stopped) return;
    const { everyMs } = this.#parts;
    const after = this.#problem === undefined ? everyMs : Math.min(everyMs, BROKEN_EVERY_MS);
    this.#timer = setTimeout(() => void this.#look().finally(() => this.#again()), after);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { check, logger } = this.#parts;
    let problem: string | undefined;
    try {
      problem = await check();
    } catch {
      // A Redis that is away keeps nothing and breaks nothing: what was known stays.
      return;
    }
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (problem === undefined) logger.info('store.promise-kept-again');
    else logger.error({ problem }, 'store.promise-broken');
  }
}
