import type { MessageId, Seq } from '@cim/protocol';

/** How long a send may be repeated after it has failed [ms], and how many such sends are remembered. */
const UNCERTAIN_MS = 60_000;
const UNCERTAIN_SENDS = 100_000;

/**
 * Sends without a key whose batch has failed. They may be on disk all the same, and only this process would
 * repeat them. Their seq is remembered here and nowhere else.
 */
export class UncertainSends {
  /** Key: id of a message. In the order of failure. Removed when found on disk, by age, or by number. */
  readonly #sends = new Map<MessageId, { readonly seq: Seq; readonly at: number }>();

  /** The seq of the entry, if it is on disk. */
  seqOf(id: MessageId): Seq | undefined {
    return this.#sends.get(id)?.seq;
  }

  /** Notes that the batch of a send has failed. */
  add(id: MessageId, seq: Seq, now: number): void {
    this.#sends.delete(id);
    this.#sends.set(id, { seq, at: now });
    for (const [oldest, { at }] of this.#sends) {
      if (now - at < UNCERTAIN_MS && this.#sends.size <= UNCERTAIN_SENDS) break;
      this.#sends.delete(oldest);
    }
  }

  /** Forgets a send that is on disk. */
  remove(id: MessageId): void {
    this.#sends.delete(id);
  }

  get none(): boolean {
    return this.#sends.size === 0;
  }
}
