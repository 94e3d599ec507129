import { Joiner } from './outbox.ts';
import { SLICE_MS } from './slice-ms.ts';

/** After so many writes the time is looked at. */
const CHECKED = 32;

/** What a channel is to the flusher. `flush` must not throw. */
export interface Flushable {
  /** @param now ms, of performance.now() */
  flush(now: number): void;
}

/**
 * Writes once per pass of the event loop for all channels that queued frames in it; in several passes when they are so
 * many that it takes long. One per process.
 */
export class TurnFlusher {
  /** Those that have asked and are not flushed yet. */
  #waiting: Flushable[] = [];
  /** Shared by all channels of a turn. */
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
    // Those that have asked meanwhile have their run scheduled already.
    if (this.#waiting.length === 0) setImmediate(this.#run);
    this.#waiting = [...waiting.slice(flushed), ...this.#waiting];
  };

  /** Has `flush` called at the end of this turn. A channel asks once per turn. */
  schedule(channel: Flushable): void {
    if (this.#waiting.push(channel) === 1) setImmediate(this.#run);
  }
}
