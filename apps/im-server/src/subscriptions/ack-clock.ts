/** Entries that a client has not acked in this time are sent again, in ms. */
export const ACK_TIMEOUT_MS = 24_000;
/** So often; after one more wait the channel is closed. */
const RESENDS = 3;
/** A client whose window is full and that neither acks nor holds anything in this time does not read, in ms. */
const STALL_TIMEOUT_MS = 30_000;
/** What was sent again is looked at so often, in ms. */
const LOOK_MS = 3_000;

export type AckLook = 'wait' | 'resend' | 'give-up' | 'stalled';

/** How long a feed waits for its client's next ack. */
export class AckClock {
  /** When the last ack came, or what it did not cover went out, in ms; 0 while nothing is unacked. */
  #waitingSince = 0;
  #resentAt = 0;
  #resends = 0;

  /** Something was written. */
  wrote(now: number): void {
    if (this.#waitingSince === 0) this.#waitingSince = now;
  }

  /**
   * An ack has moved the feed on, or the client says that it holds what was sent.
   * @param all whether that is all that went out
   */
  acked(now: number, all: boolean): void {
    this.#waitingSince = all ? 0 : now;
    this.#resends = 0;
  }

  /** In how many ms to `look` next; Infinity while nothing is unacked. */
  dueIn(now: number): number {
    if (this.#waitingSince === 0) return Infinity;
    return this.#resends === 0 ? this.#waitingSince + ACK_TIMEOUT_MS - now : LOOK_MS;
  }

  /**
   * Asked now and then. `resend` is answered once per timeout.
   * @param full whether more would be written if the client acked
   */
  look(now: number, full: boolean): AckLook {
    if (this.#waitingSince === 0) return 'wait';
    if (full && now - this.#waitingSince >= STALL_TIMEOUT_MS) return 'stalled';
    const since = this.#resends === 0 ? this.#waitingSince : this.#resentAt;
    if (now - since < ACK_TIMEOUT_MS) return 'wait';
    if (this.#resends === RESENDS) return 'give-up';
    this.#resends++;
    this.#resentAt = now;
    return 'resend';
  }
}
