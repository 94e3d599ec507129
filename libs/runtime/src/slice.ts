import { setImmediate as nextPass } from 'node:timers/promises';

/** Longest that one piece of work holds the event loop [ms]: a fifth of the 50 ms that nothing may exceed. */
export const SLICE_MS = 10;

/** Cuts long work into slices, so that the event loop serves everybody else in between. Make one where the work begins. */
export class Slice {
  readonly #now: () => number;
  #begun: number;

  /** @param now ms, monotonic */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#begun = now();
  }

  /** The slice has used its time. */
  get over(): boolean {
    return this.#now() - this.#begun >= SLICE_MS;
  }

  /** Resolves when the event loop has done its other work; a new slice begins then. */
  async next(): Promise<void> {
    await nextPass();
    this.#begun = this.#now();
  }
}

/** Does `work` with each of the items, in slices. */
export async function inSlices<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
  const slice = new Slice();
  for (const item of items) {
    work(item);
    if (slice.over) await slice.next();
  }
}
