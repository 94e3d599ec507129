/** Of all sessions of a server. */
const SENDS_UNDER_WAY = 8_192;
const BYTES_UNDER_WAY = 16 * 1024 * 1024;

/** One that waits until it may send again. */
export interface Waiter {
  onRelief(): void;
}

/**
 * What a server lets wait for the store. When that is behind, those who send are not read for a while: being made to
 * wait costs everybody less than being refused and sending the same again.
 */
export class SendBudget {
  #sends = 0;
  #bytes = 0;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiter>();

  /** True: it is spent. `onRelief` of `waiter` is called once, when half of it is free again. */
  begin(bytes: number, waiter: Waiter): boolean {
    this.#sends++;
    this.#bytes += bytes;
    if (!this.spent) return false;
    this.#waiting.add(waiter);
    return true;
  }

  end(bytes: number): void {
    this.#sends--;
    this.#bytes -= bytes;
    if (this.#sends > SENDS_UNDER_WAY / 2 || this.#bytes > BYTES_UNDER_WAY / 2) return;
    for (const waiter of [...this.#waiting]) {
      if (this.spent) return;
      if (this.#waiting.delete(waiter)) waiter.onRelief();
    }
  }

  /** Sends that wait for the store. */
  get sends(): number {
    return this.#sends;
  }

  /** Of their contents. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Sessions that are not read until there is room. */
  get waiting(): number {
    return this.#waiting.size;
  }

  get spent(): boolean {
    return this.#sends >= SENDS_UNDER_WAY || this.#bytes >= BYTES_UNDER_WAY;
  }

  leave(waiter: Waiter): void {
    this.#waiting.delete(waiter);
  }
}
