import type { Seq, UserId } from '@cim/protocol';
import type { wire } from '@cim/protocol';
import type { ClientEvents } from './events.ts';

interface Open {
  readonly ref: number;
  readonly to: UserId;
  readonly seq: Seq;
  dropped: boolean;
}

/** Sends that are followed at a time. */
const FOLLOWED = 4_096;
/** Recipients asked about after a reconnect: a server takes 64 questions at a time, and the counters are one. */
const ASKED = 63;

/** Private sends that are stored and that their recipient has not acked: the oldest are no longer followed. */
export class Deliveries {
  /** By recipient, in the order stored; removed with its last send. */
  readonly #open = new Map<UserId, Open[]>();
  /** All of them, oldest first, and some that are delivered already. */
  #order: Open[] = [];
  #size = 0;
  /** How far recipients are whose sends of ours are not answered yet: news of a send may come before its receipt. */
  readonly #ahead = new Map<UserId, Seq>();
  readonly #delivered: (event: ClientEvents['delivered']) => void;

  constructor(delivered: (event: ClientEvents['delivered']) => void) {
    this.#delivered = delivered;
  }

  /** A private send was stored. */
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

  /** @param awaited whether a send to the recipient is not answered yet */
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

  /** The recipient's inbox has lost entries: its seqs are used again, and say nothing of what was sent before. */
  forget(to: UserId): void {
    this.#ahead.delete(to);
    const open = this.#open.get(to) ?? [];
    this.#open.delete(to);
    this.#size -= open.length;
    for (const send of open) send.dropped = true;
  }

  /** What to ask on a new connection: the notice of a delivery is sent once. */
  questions(): Partial<wire.Delivered>[] {
    // What was heard before may be of a log that has gone back since.
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
