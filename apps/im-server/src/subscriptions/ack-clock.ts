/** Entries that a client has not acked for this long are sent again [ms]. */
export const ACK_TIMEOUT_MS = 24_000;
/** Number of times that they are sent again. After one more wait the channel is closed. */
const RESENDS = 3;
/** A client with a full window that neither acks nor holds anything for this long does not read [ms]. */
const STALL_TIMEOUT_MS = 30_000;
/** Time between two checks of resent entries [ms]. */
const LOOK_MS = 3_000;

export type AckLook = 'wait' | 'resend' | 'give-up' | 'stalled';

/** Measures how long a feed waits for its client's next ack. */
export class AckClock {
  /** When the last ack came, or the first entry after it was sent [ms]; 0 while nothing is unacked. */
  #waitingSince = 0;
  #resentAt = 0;
  #resends = 0;

  /** Tells that an entry was written. */
  wrote(now: number): void {
    if (this.#waitingSince === 0) this.#waitingSince = now;
  }

  /**
   * Tells that an ack has moved the feed on, or that the client holds the entries that were sent.
   * @param all whether nothing is unacked any more
   */
  acked(now: number, all: boolean): void {
    this.#waitingSince = all ? 0 : now;
    this.#resends = 0;
  }

  /** In how many ms to check next; Infinity while nothing is unacked. */
  dueIn(now: number): number {
    if (this.#waitingSince === 0) return Infinity;
    return this.#resends === 0 ? this.#waitingSince + ACK_TIMEOUT_MS - now : LOOK_MS;
  }

  /**
   * Checks the waiting time. Answers `resend` once per timeout.
   * @param full whether the window is full, so that an ack would let more be written
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
