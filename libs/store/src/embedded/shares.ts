import { copyOf, inboxOf, type Seq, type UserId } from '@cim/protocol';
import { LRUCache } from 'lru-cache';
import { decodeRow } from './entry-row.ts';
import { entryKey } from './keys.ts';
import type { Ledger } from './ledger.ts';
import type { StreamRecord } from './records.ts';
import { waitingOf } from './retention.ts';

/** Of all inboxes together: seqs that are remembered. One takes 8 bytes and more. */
const MOST_SEQS = 1_000_000;
/** What an inbox takes beside its seqs, in seqs. */
const INBOX_SEQS = 64;

interface Inbox {
  /** Entries that it had received when this was written last: another number says that something is missing here. */
  received: number;
  seqs: number;
  /** Key: sender. Newest entries, ascending, at most a share. */
  readonly bySender: Map<UserId, Seq[]>;
}

/**
 * How many entries of each sender wait in an inbox for its user. It is in memory, for inboxes in which something waits. What is
 * not there is read from the log.
 */
export class Shares {
  readonly #ledger: Ledger;
  readonly #share: number;
  readonly #inboxes = new LRUCache<UserId, Inbox>({ maxSize: MOST_SEQS, sizeCalculation: () => INBOX_SEQS });

  /** @param share entries of one sender that may wait in an inbox */
  constructor(ledger: Ledger, share: number) {
    this.#ledger = ledger;
    this.#share = share;
  }

  /** Whether one more entry of the sender may wait in the inbox of `user`. */
  admits(user: UserId, sender: UserId, state: StreamRecord): boolean {
    if (sender === user) return true;
    const seqs = this.#inboxOf(user, state).bySender.get(sender);
    const oldest = seqs?.[0];
    return oldest === undefined || seqs === undefined || seqs.length < this.#share || oldest <= state.settled;
  }

  /** An entry of the sender was written. @param state of the inbox before it */
  wrote(user: UserId, sender: UserId, state: StreamRecord): void {
    const inbox = this.#inboxOf(user, state);
    inbox.received++;
    if (sender !== user) this.#add(inbox, sender, (state.top + 1) as Seq);
    this.#inboxes.set(user, inbox, { size: INBOX_SEQS + inbox.seqs });
  }

  #add(inbox: Inbox, sender: UserId, seq: Seq): void {
    const seqs = inbox.bySender.get(sender) ?? [];
    inbox.bySender.set(sender, seqs);
    seqs.push(seq);
    if (seqs.length > this.#share) seqs.shift();
    else inbox.seqs++;
  }

  #inboxOf(user: UserId, state: StreamRecord): Inbox {
    const received = state.top - state.copies;
    const known = this.#inboxes.get(user);
    const waiting = waitingOf(state);
    if (known?.received === received && waiting > 0) return known;
    const inbox: Inbox = { received, seqs: 0, bySender: new Map() };
    if (waiting > 0) this.#read(user, inbox, state);
    this.#inboxes.set(user, inbox, { size: INBOX_SEQS + inbox.seqs });
    return inbox;
  }

  /** All that waits, or of very much the newest. What is not on disk yet is in memory, unless much else was since. */
  #read(user: UserId, inbox: Inbox, { first, settled, top, copies, settledCopies }: StreamRecord): void {
    const most = 2 * this.#share + Math.min(copies - settledCopies, 2 * this.#share);
    for (let seq = Math.max(first, settled + 1, top - most + 1); seq <= top; seq++) {
      const row = this.#ledger.row(entryKey(inboxOf(user), seq as Seq));
      if (row === undefined) continue;
      const { sender, producer } = decodeRow(row);
      if (sender.userId !== user && copyOf(producer).to === undefined)
        this.#add(inbox, sender.userId, seq as Seq);
    }
  }
}
