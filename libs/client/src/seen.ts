import type { MessageId } from '@cim/protocol';

/** Remembers the newest `capacity` ids. */
export class Seen {
  readonly #capacity: number;
  readonly #ids = new Set<MessageId>();
  /** The same ids in the order they came, as a ring. */
  readonly #ring: MessageId[] = [];
  #at = 0;

  constructor(capacity = 4096) {
    this.#capacity = capacity;
  }

  has(id: MessageId): boolean {
    return this.#ids.has(id);
  }

  /** Adds an id. True when it is new. */
  add(id: MessageId): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    const oldest = this.#ring[this.#at];
    if (oldest !== undefined) this.#ids.delete(oldest);
    this.#ring[this.#at] = id;
    this.#at = (this.#at + 1) % this.#capacity;
    return true;
  }

  /** The newest `count` ids, oldest first. */
  newest(count: number): MessageId[] {
    const start = this.#at - Math.min(count, this.#ring.length);
    if (start >= 0) return this.#ring.slice(start, this.#at);
    // Either the ring is full, or the range does not wrap around.
    return [...this.#ring.slice(start), ...this.#ring.slice(0, this.#at)];
  }
}
