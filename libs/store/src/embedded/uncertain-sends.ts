import type { MessageId, Seq } from '@cim/protocol';

/** How long a send may be repeated after it has failed, in ms, and how many such are known. */
const UNCERTAIN_MS = 60_000;
const UNCERTAIN_SENDS = 100_000;

/**
 * Sends that only this process would repeat and whose batch has failed: they may be on disk all the same, and where they
 * would be is known. Nothing else is kept of them.
 */
export class UncertainSends {
  /** In the order in which they failed. */
  readonly #sends = new Map<MessageId, { readonly seq: Seq; readonly at: number }>();

  /** Where it is, if it is on disk. */
  seqOf(id: MessageId): Seq | undefined {
    return this.#sends.get(id)?.seq;
  }

  /** Its batch has failed. */
  add(id: MessageId, seq: Seq, now: number): void {
    this.#sends.delete(id);
    this.#sends.set(id, { seq, at: now });
    for (const [oldest, { at }] of this.#sends) {
      if (now - at < UNCERTAIN_MS && this.#sends.size <= UNCERTAIN_SENDS) break;
      this.#sends.delete(oldest);
    }
  }

  /** It is on disk. */
  remove(id: MessageId): void {
    this.#sends.delete(id);
  }

  get none(): boolean {
    return this.#sends.size === 0;
  }
}
