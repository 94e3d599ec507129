import { Joiner } from './outbox.ts';

/** What a channel is to the flusher. `flush` must not throw. */
export interface Flushable {
  /** @param now ms, of performance.now() */
  flush(now: number): void;
}

/** Writes once per turn of the event loop for all channels that queued frames in it. One per process. */
export class TurnFlusher {
  /** Those that asked in this turn; emptied when it ends. */
  #waiting: Flushable[] = [];
  /** Shared by all channels of a turn. */
  readonly joiner = new Joiner();
  readonly #run = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    const now = performance.now();
    for (const channel of waiting) channel.flush(now);
    this.joiner.forget();
  };

  /** Has `flush` called at the end of this turn. A channel asks once per turn. */
  schedule(channel: Flushable): void {
    if (this.#waiting.push(channel) === 1) setImmediate(this.#run);
  }
}
