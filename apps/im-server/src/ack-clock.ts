/** Entries that a client has not acked in this time are sent again, in ms. */
export const ACK_TIMEOUT_MS = 18_000;
/** So often; after one more wait the channel is closed. */
const RESENDS = 3;

/** How long a feed waits for its client's next ack. */
export class AckClock {
  /** ms; 0 while nothing is unacked. */
  #waitingSince = 0;
  #resends = 0;

  /** Something was written. */
  wrote(now: number): void {
    if (this.#waitingSince === 0) this.#waitingSince = now;
  }

  /** An ack has moved the feed on. */
  acked(now: number, all: boolean): void {
    this.#waitingSince = all ? 0 : now;
    this.#resends = 0;
  }

  get waiting(): boolean {
    return this.#waitingSince !== 0;
  }

  /** Asked now and then. `resend` is answered once per timeout. */
  look(now: number): 'wait' | 'resend' | 'give-up' {
    if (this.#waitingSince === 0 || now - this.#waitingSince < ACK_TIMEOUT_MS) return 'wait';
    if (this.#resends === RESENDS) return 'give-up';
    this.#resends++;
    this.#waitingSince = now;
    return 'resend';
  }
}
