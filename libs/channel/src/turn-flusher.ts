/** What a channel is to the flusher. */
export interface Flushable {
  flush(): void;
}

/** Writes once per turn of the event loop for all channels that queued frames in it. One per process. */
export class TurnFlusher {
  #waiting: Flushable[] = [];
  readonly #run = (): void => {
    const now = this.#waiting;
    this.#waiting = [];
    for (const channel of now) channel.flush();
  };

  /** Call once per channel and turn. */
  schedule(channel: Flushable): void {
    if (this.#waiting.push(channel) === 1) setImmediate(this.#run);
  }
}
