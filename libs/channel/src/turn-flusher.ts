import { Joiner } from './outbox.ts';
import { SLICE_MS } from './slice-ms.ts';

/** The flusher checks the time after this many writes. */
const CHECKED = 32;

/** The part of a channel that the flusher calls. `flush` must not throw. */
export interface Flushable {
  /** @param now ms, performance.now() */
  flush(now: number): void;
}

/**
 * Writes once per pass of the event loop for all channels that queued frames in it. Many channels are spread
 * over several passes. One per process.
 */
export class TurnFlusher {
  /** Channels that were scheduled and are not flushed yet. */
  #waiting: Flushable[] = [];
  /** Shared by all channels of one pass. */
  readonly joiner = new Joiner();
  readonly #run = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    const now = performance.now();
    let flushed = 0;
    for (const channel of waiting) {
      channel.flush(now);
      if (++flushed % CHECKED === 0 && performance.now() - now >= SLICE_MS) break;
    }
    this.joiner.forget();
    if (flushed === waiting.length) return;
    // Channels that were scheduled during this run have scheduled the next run already.
    if (this.#waiting.length === 0) setImmediate(this.#run);
    this.#waiting = [...waiting.slice(flushed), ...this.#waiting];
  };

  /** Has `flush` called at the end of this pass of the event loop. A channel calls it once per pass. */
  schedule(channel: Flushable): void {
    if (this.#waiting.push(channel) === 1) setImmediate(this.#run);
  }
}
