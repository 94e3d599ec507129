import type { MessageId } from '@cim/protocol';

/** Remembers the newest `capacity` ids; what comes twice within them is known. */
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

  /** True the first time. */
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
    // The ring is full, or it would not reach behind its beginning.
    return [...this.#ring.slice(start), ...this.#ring.slice(0, this.#at)];
  }
}
