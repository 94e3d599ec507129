/** Most sends under way of all sessions of a server together. */
const SENDS_UNDER_WAY = 8_192;
const BYTES_UNDER_WAY = 16 * 1024 * 1024;

/** A session that waits until it may send again. */
export interface Waiter {
  onRelief(): void;
}

/**
 * Bounds the sends that wait for the store in one server. When the store is behind, the server stops reading
 * from sessions that send: waiting costs everybody less than refusals and repeated sends.
 */
export class SendBudget {
  #sends = 0;
  #bytes = 0;
  /** Sessions in the order in which they came. Removed when they are relieved. */
  readonly #waiting = new Set<Waiter>();

  /**
   * Counts a send. True: the budget is spent, and `onRelief` of `waiter` is called once when half of it is
   * free again.
   */
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

  /** Number of sends that wait for the store. */
  get sends(): number {
    return this.#sends;
  }

  /** Bytes of the contents of these sends. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of sessions that are not read until there is room. */
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
