import { copyOf, inboxOf, type Seq, type UserId } from '@cim/protocol';
import { LRUCache } from 'lru-cache';
import { decodeRow } from './entry-row.ts';
import { entryKey } from './keys.ts';
import type { Ledger } from './ledger.ts';
import type { StreamRecord } from './records.ts';
import { waitingOf } from './retention.ts';

/** Most seqs that are remembered for all inboxes together. A seq takes 8 bytes and more. */
const MOST_SEQS = 1_000_000;
/** Memory of an inbox besides its seqs, counted in seqs. */
const INBOX_SEQS = 64;

interface Inbox {
  /**
   * Number of entries that the inbox had received at the last update. Another number in the stream's record
   * shows that something is missing here.
   */
  received: number;
  seqs: number;
  /** Key: sender. Value: its newest entries, ascending, at most a share. */
  readonly bySender: Map<UserId, Seq[]>;
}

/**
 * Counts the entries of each sender that wait in an inbox. It is in memory, for inboxes in which something
 * waits. Missing data is read from the log.
 */
export class Shares {
  readonly #ledger: Ledger;
  readonly #share: number;
  readonly #inboxes = new LRUCache<UserId, Inbox>({ maxSize: MOST_SEQS, sizeCalculation: () => INBOX_SEQS });

  /** @param share most entries of one sender that may wait in an inbox */
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

  /** Notes that an entry of the sender was written. @param state record of the inbox before it */
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

  /**
   * Reads all waiting entries, or only the newest of very many. Entries that are not on disk yet are usually
   * still in memory.
   */
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
