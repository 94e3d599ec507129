import { setImmediate as nextPass } from 'node:timers/promises';

/**
 * Longest time that one piece of work holds the event loop [ms]: a fifth of the 50 ms that nothing may
 * exceed.
 */
export const SLICE_MS = 10;

/**
 * Cuts long work into slices, so that the event loop serves others in between. Make one where the work
 * begins.
 */
export class Slice {
  readonly #now: () => number;
  #begun: number;

  /** @param now the time of a monotonic clock [ms] */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#begun = now();
  }

  /** Whether the slice has used up its time. */
  get over(): boolean {
    return this.#now() - this.#begun >= SLICE_MS;
  }

  /** Resolves after the event loop has done its other work. A new slice begins then. */
  async next(): Promise<void> {
    await nextPass();
    this.#begun = this.#now();
  }
}

/** Calls `work` with each item, in slices. */
export async function inSlices<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
  const slice = new Slice();
  for (const item of items) {
    work(item);
    if (slice.over) await slice.next();
  }
}
