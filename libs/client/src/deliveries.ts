import type { Seq, UserId } from '@cim/protocol';
import type { wire } from '@cim/protocol';
import type { ClientEvents } from './events.ts';

interface Open {
  readonly ref: number;
  readonly to: UserId;
  readonly seq: Seq;
  dropped: boolean;
}

/** Most sends that are followed. */
const FOLLOWED = 4_096;
/**
 * Most recipients asked about after a reconnect. A server takes 64 questions at once, and the counters are
 * one of them.
 */
const ASKED = 63;

/** Stored private sends that their recipients have not acked. The oldest are no longer followed. */
export class Deliveries {
  /** Key: recipient. Value: its sends in the order stored. Removed with the last one. */
  readonly #open = new Map<UserId, Open[]>();
  /** All of them, oldest first, with some that are delivered already. */
  #order: Open[] = [];
  #size = 0;
  /**
   * Key: recipient with unanswered sends. Value: its acked seq, since the notice of a send may come before
   * its receipt.
   */
  readonly #ahead = new Map<UserId, Seq>();
  readonly #delivered: (event: ClientEvents['delivered']) => void;

  constructor(delivered: (event: ClientEvents['delivered']) => void) {
    this.#delivered = delivered;
  }

  /** Notes that a private send was stored. */
  stored(ref: number, to: UserId, seq: Seq): void {
    if ((this.#ahead.get(to) ?? 0) >= seq) {
      this.#delivered({ ref, to, seq });
      return;
    }
    const send: Open = { ref, to, seq, dropped: false };
    const open = this.#open.get(to);
    if (open === undefined) this.#open.set(to, [send]);
    else open.push(send);
    this.#order.push(send);
    this.#size++;
    if (this.#size > FOLLOWED) this.#dropOldest();
  }

  /**
   * Notes that a recipient has acked up to `seq`. @param awaited whether a send to the recipient is
   * unanswered
   */
  passed(to: UserId, seq: Seq, awaited: boolean): void {
    if (awaited && seq > (this.#ahead.get(to) ?? 0)) this.#ahead.set(to, seq);
    if (!awaited) this.#ahead.delete(to);
    const open = this.#open.get(to);
    if (open === undefined) return;
    const behind = open.findIndex((send) => send.seq > seq);
    const passed = open.splice(0, behind < 0 ? open.length : behind);
    if (open.length === 0) this.#open.delete(to);
    this.#size -= passed.length;
    for (const send of passed) {
      send.dropped = true;
      this.#delivered({ ref: send.ref, to, seq: send.seq });
    }
    if (this.#order.length > 2 * FOLLOWED) this.#order = this.#order.filter((send) => !send.dropped);
  }

  /**
   * Forgets a recipient whose inbox has lost entries: its seqs are used again, and tell nothing of earlier
   * sends.
   */
  forget(to: UserId): void {
    this.#ahead.delete(to);
    const open = this.#open.get(to) ?? [];
    this.#open.delete(to);
    this.#size -= open.length;
    for (const send of open) send.dropped = true;
  }

  /** The questions for a new connection, since a notice of delivery is sent only once. */
  questions(): Partial<wire.Delivered>[] {
    // Earlier notices may be about a log that has gone back since.
    this.#ahead.clear();
    return [...this.#open].slice(-ASKED).map(([to, open]) => ({ to, seq: open.at(-1)?.seq ?? 0 }));
  }

  #dropOldest(): void {
    for (const [at, send] of this.#order.entries()) {
      if (send.dropped) continue;
      this.#order.splice(0, at + 1);
      const open = this.#open.get(send.to);
      open?.shift();
      if (open?.length === 0) this.#open.delete(send.to);
      this.#size--;
      return;
    }
  }
}
