import { wire, LOBBY, messageId } from '@cim/protocol';
import type { MessageId, ProducerId, Seq, UserId } from '@cim/protocol';
import type { ClientEvents, StreamEvent } from './events.ts';
import { Seen } from './seen.ts';
import type { Cursor, ProcessedRecord } from './state.ts';
import { isOut, readEntry, type Reader } from './stream-event.ts';
import type { Cancel, Timers } from './timers.ts';

/** The parts of the client that a stream uses. */
export interface InboundParts extends Timers {
  /**
   * Offers a message, or an event about one, to the application.
   * @returns undefined when it is processed; else a promise: true when it is, false when it never will be
   */
  show(event: StreamEvent): Promise<boolean> | undefined;
  skipped(event: ClientEvents['skipped']): void;
  /** Whether this installation sent it. */
  isOwn(producer: ProducerId): boolean;
  /** An entry is processed. It must be stored before the next one is shown. */
  processed(record: ProcessedRecord, event: StreamEvent | undefined): void;
  /**
   * Called before an ack goes out. Everything given to `processed` must be stored when it returns, or when
   * its promise ends.
   */
  keep(): Promise<void> | undefined;
  /** Cursors have moved by an answer to a resume. */
  moved(): void;
  ack(ack: Partial<wire.Ack>): void;
  /** This user is no longer a member of the stream's group, and its last entry is processed. */
  left(stream: StreamIn): void;
  /** The content of an entry cannot be decoded. */
  unreadable(stream: string, seq: number): void;
}

/**
 * A stream is acked after this many processed entries, or bytes of them. An inbox, and entries that a server
 * has resent, are acked after `ACK_DELAY_MS` at the latest. A server sends on until four times as much is
 * unacked.
 */
const ACK_EVERY = 64;
const ACK_EVERY_BYTES = 64 * 1024;
const ACK_DELAY_MS = 200;
/**
 * Longest delay of a group's ack, which saves little, in place of a ping; a client that writes all the time
 * never pings. A server resends after 24 s. Own messages that a receipt has delivered are acked like this
 * too.
 */
const LATE_ACK_DELAY_MS = 18_000;
/**
 * This long after an entry has come, the server is told that the application still works on it, or on an
 * earlier one [ms].
 */
const HOLD_AFTER_MS = 10_000;

/**
 * Ids that are remembered of the inbox and of the lobby, and of every other group. After a loss a server
 * resends 2,000.
 */
const SEEN = 4_096;
const SEEN_OF_GROUP = 2_048;

/** Id of a cursor with seq 0. */
const BEFORE_THE_FIRST = '-';
const NOTHING: Cursor = { seq: 0 as Seq, id: '' as MessageId };

/** An entry that was received and is not processed. */
interface Item {
  readonly id: MessageId;
  readonly seq: Seq;
  readonly bytes: number;
  /** Undefined for an entry that is not offered and only moves the cursor. */
  readonly event: StreamEvent | undefined;
  /** False once the log has gone elsewhere: `seq` then does not tell where the stream goes on. */
  moves: boolean;
}

/**
 * One incoming stream. Entries are received in order, wait in a queue, and are processed one after the other:
 * the cursor moves, and the server gets its ack, when the application has finished. The server's window
 * bounds the queue: it sends at most 256 unacked entries or 256 KiB.
 */
export class StreamIn {
  readonly name: string;
  /** The group on the wire; '' for the inbox. */
  readonly group: string;
  readonly #reader: Reader;
  readonly #parts: InboundParts;
  /** Ids of entries: the copy of an own message has another id than the message. */
  readonly #seen: Seen;
  /** The newest entry received on this connection; its id is '' while it is not known. */
  #received: Cursor;
  /** The log is processed up to this seq, as far as is known. */
  #processed: number;
  /**
   * The newest processed cursor with an id, which is presented and saved. After a reset or a skip it stays
   * the old one until the next entry, so that a reconnect in between gets the same answer; without a cursor a
   * group would start at its end.
   */
  #known: Cursor;
  /** The last cursor given to `processed`. */
  #kept: Cursor;
  /**
   * Received entries that wait for the one being processed, in the order of the log. Removed when their
   * processing begins.
   */
  readonly #queue = new Map<MessageId, Item>();
  #atWork: Item | undefined;
  #ended = false;
  /** Whether the newest received entry ends this user's membership of the group. */
  #out = false;
  /** Whether the server of this connection delivers the stream. */
  attached = false;
  /** Grows with each answer to a resume, and with the end of a connection. */
  #round = 0;
  /** Number of processed and unacked entries. */
  #unacked = 0;
  #unackedBytes = 0;
  /** When the newest received entry was stored [ms, the store's clock]; 0: none was received. */
  newestStoredAt = 0;
  /** The server was told that all entries up to this are held. */
  #held = 0;
  /** Seq at which entries were last missing. */
  #holeAt = 0;
  /** The last report of the gap after `#known`. */
  #told: ClientEvents['skipped'] | undefined;
  #ackTimer: Cancel | undefined;
  /** Delay of the running timer [ms]. */
  #ackDelayMs = 0;
  #holdTimer: Cancel | undefined;

  constructor(
    me: UserId,
    name: string,
    group: string,
    saved: { cursor: Cursor | undefined; seen: readonly MessageId[] },
    parts: InboundParts,
  ) {
    this.#reader = { me, stream: name, group, isOwn: (producer) => parts.isOwn(producer) };
    this.name = name;
    this.group = group;
    this.#parts = parts;
    this.#seen = new Seen(group === '' || group === LOBBY ? SEEN : SEEN_OF_GROUP);
    this.#known = saved.cursor ?? NOTHING;
    this.#kept = this.#known;
    this.#received = this.#known;
    this.#processed = this.#known.seq;
    for (const id of saved.seen) this.#seen.add(id);
  }

  /** The cursor that is saved and presented; undefined when a server could not check it. */
  get cursor(): Cursor | undefined {
    return this.#known.id === '' ? undefined : this.#known;
  }

  /** Ids of the newest processed entries, oldest first. */
  newestSeen(count: number): readonly MessageId[] {
    return this.#seen.newest(count);
  }

  /**
   * Takes the answer to a resume. It may come again at any time, when the server finds that the log went back
   * or was trimmed.
   */
  onResumed({ answer, from, to, id }: wire.ResumedStream): void {
    this.attached = true;
    this.#round++;
    // The user is a member again: the next entries belong to the new membership.
    this.#out = false;
    switch (answer) {
      case wire.RESUME_ANSWERS.continue:
        this.#received = { seq: to as Seq, id: id as MessageId };
        // An entry may have been processed since the cursor was presented.
        if (id !== '' && (this.#known.id === '' || this.#known.seq <= to)) {
          this.#known = this.#received;
          this.#told = undefined;
        }
        this.#processed = Math.max(to, this.#known.seq);
        break;
      case wire.RESUME_ANSWERS.reset:
        // Processed and unacked entries are no longer in the log; an ack beyond its end would be an error.
        this.#unacked = 0;
        this.#unackedBytes = 0;
        this.#holeAt = 0;
        // The log sends these again if it still has them, perhaps in another order.
        this.#queue.clear();
        this.#goOn(Math.max(0, from - 1), from <= 1 ? BEFORE_THE_FIRST : '');
        this.#tell('reset', from, to);
        break;
      case wire.RESUME_ANSWERS.expired:
      case wire.RESUME_ANSWERS.skipped:
        this.#goOn(to, id);
        this.#tell(answer === wire.RESUME_ANSWERS.expired ? 'expired' : 'skipped', from, to);
        break;
      default: // an answer of a newer server: its entries tell where it goes on
    }
    this.#held = 0;
    if (this.#unacked > 0) this.#armAck();
    if (this.#busy) this.#armHold();
  }

  /**
   * Takes an entry. False when entries are missing before it: the caller then makes a new connection, which
   * resumes. If they are missing again after that, they are gone and reported.
   */
  take(entry: wire.Entry): boolean {
    const next = this.#received.seq + 1;
    const id = messageId(entry.sender as UserId, entry.producer as ProducerId, entry.counter);
    const advances = entry.seq >= next;
    if (advances) {
      const missing = entry.seq > next;
      if (missing || !follows(entry, this.#received)) {
        if (this.#holeAt !== entry.seq) {
          this.#holeAt = entry.seq;
          return false;
        }
        const [from, to] = missing ? [next, entry.seq - 1] : [entry.seq, entry.seq];
        this.#parts.skipped({ stream: this.name, kind: missing ? 'expired' : 'reset', from, to });
      }
      this.#received = { seq: entry.seq as Seq, id };
      this.#out = false;
    }
    if (entry.storedAt > this.newestStoredAt) this.newestStoredAt = entry.storedAt;
    const waiting = this.#atWork?.id === id ? this.#atWork : this.#queue.get(id);
    if (advances && waiting?.moves === false) this.#addCursor(entry.seq, id);
    else if (waiting !== undefined) {
      // The entry was resent on this connection: the server has not heard that it is held.
      if (!advances) this.#held = 0;
    } else if (!this.#seen.has(id)) this.#add(entry, id, advances);
    else {
      // The entry was resent after it was processed: the server has not heard the ack.
      if (advances) this.#addCursor(entry.seq, id);
      else if (this.#unacked === 0) this.#unacked = 1;
      this.#armAck(ACK_DELAY_MS);
    }
    if (this.#busy) this.#armHold();
    return true;
  }

  /**
   * A receipt has delivered the copy of an own message, and the cursor passes it. A copy that does not follow
   * the newest entry is ignored: it came before, or it comes by itself.
   */
  passCopy(seq: Seq, id: MessageId): void {
    if (seq !== this.#received.seq + 1) return;
    this.#received = { seq, id };
    this.#addCursor(seq, id);
    if (this.#unacked >= ACK_EVERY) this.#ack();
    else if (this.#unacked > 0) this.#armAck(LATE_ACK_DELAY_MS);
  }

  /** Whether this user is no longer a member of the group, and everything before is processed. */
  get left(): boolean {
    return this.#out && !this.#busy;
  }

  /** Called after an entry, and after a message that took its time. */
  settleAcks(): void {
    if (this.#unacked >= ACK_EVERY || this.#unackedBytes >= ACK_EVERY_BYTES) this.#ack();
    else if (this.#unacked > 0) this.#armAck();
  }

  /** Acks all processed entries now. */
  flush(): void {
    if (this.#unacked > 0) this.#ack();
  }

  /** The connection is gone. The application goes on with the queue; the rest waits for the next connection. */
  detach(): void {
    this.#ackTimer?.();
    this.#holdTimer?.();
    this.#ackTimer = undefined;
    this.#holdTimer = undefined;
    this.attached = false;
    this.#round++;
  }

  /** Ends: nothing more is shown. A running entry is still stored as processed when it ends. */
  end(): void {
    this.#ended = true;
    this.detach();
  }

  get #busy(): boolean {
    return this.#atWork !== undefined || this.#queue.size > 0;
  }

  /** The log has gone elsewhere. The remaining queue is shown, and its entries are known by their ids. */
  #goOn(seq: number, id: string): void {
    if (this.#atWork !== undefined) this.#atWork.moves = false;
    for (const item of this.#queue.values()) item.moves = false;
    this.#received = { seq: seq as Seq, id: id as MessageId };
    this.#processed = seq;
    if (id === '') return;
    this.#known = this.#received;
    this.#told = undefined;
  }

  /** Reports a gap once, though the server tells it again after each reconnect until an entry has come. */
  #tell(kind: ClientEvents['skipped']['kind'], from: number, to: number): void {
    const told = this.#told;
    this.#told = { stream: this.name, kind, from, to };
    if (told?.kind !== kind || told.from !== from) this.#parts.skipped(this.#told);
    else if (kind !== 'reset' && to > told.to)
      this.#parts.skipped({ stream: this.name, kind, from: told.to + 1, to });
  }

  #add(entry: wire.Entry, id: MessageId, moves: boolean): void {
    const bytes = entry.content.length;
    const event = this.#eventOf(entry);
    if (event !== undefined && moves) this.#out = isOut(event, this.#reader.me);
    this.#queue.set(id, { id, seq: entry.seq as Seq, bytes, event, moves });
    this.#work();
  }

  /** Adds an entry that is not offered, or was before: the cursor only passes it in its order. */
  #addCursor(seq: number, id: MessageId): void {
    this.#queue.set(id, { id, seq: seq as Seq, bytes: 0, event: undefined, moves: true });
    this.#work();
  }

  #eventOf(entry: wire.Entry): StreamEvent | undefined {
    const event = readEntry(entry, this.#reader);
    if (event === 'unreadable') this.#parts.unreadable(this.name, entry.seq);
    return typeof event === 'string' ? undefined : event;
  }

  /** Processes the queue until a message takes its time. */
  #work(): void {
    while (this.#atWork === undefined && !this.#ended) {
      const [item] = this.#queue.values();
      if (item === undefined) return;
      this.#queue.delete(item.id);
      const pending = item.event === undefined ? undefined : this.#parts.show(item.event);
      if (pending === undefined) {
        this.#done(item);
        continue;
      }
      this.#atWork = item;
      void pending.then((processed) => {
        this.#atWork = undefined;
        if (!processed) return;
        this.#done(item);
        this.#work();
        this.settleAcks();
        if (this.left) this.#parts.left(this);
      });
    }
  }

  #done({ id, seq, bytes, event, moves }: Item): void {
    this.#seen.add(id);
    if (moves) {
      this.#unacked++;
      this.#unackedBytes += bytes;
      if (seq > this.#processed) {
        this.#processed = seq;
        this.#known = { seq, id };
        this.#told = undefined;
      }
    }
    if (event === undefined) return;
    const moved = this.#known.id === id;
    if (moved) this.#kept = this.#known;
    this.#parts.processed({ stream: this.name, id, seq: moved ? seq : 0 }, event);
  }

  #armAck(delayMs = this.group === '' ? ACK_DELAY_MS : LATE_ACK_DELAY_MS): void {
    if (this.#ended || (this.#ackTimer !== undefined && this.#ackDelayMs <= delayMs)) return;
    this.#ackTimer?.();
    this.#ackDelayMs = delayMs;
    this.#ackTimer = this.#parts.after(delayMs, () => {
      this.#ackTimer = undefined;
      this.flush();
    });
  }

  #ack(): void {
    this.#ackTimer?.();
    this.#ackTimer = undefined;
    this.#unacked = 0;
    this.#unackedBytes = 0;
    // Entries that are not shown were not stored one by one.
    if (this.#known !== this.#kept && this.#known.id !== '') {
      this.#kept = this.#known;
      this.#parts.processed({ stream: this.name, id: this.#known.id, seq: this.#known.seq }, undefined);
    }
    // Never acks entries that this connection has not sent: they may have been processed on an earlier one.
    const ack = { group: this.group, seq: Math.min(this.#processed, this.#received.seq) };
    const kept = this.#parts.keep();
    if (kept === undefined) this.#parts.ack(ack);
    else this.#ackWhen(kept, ack);
  }

  /**
   * Not on another connection, and not after an answer that the log went back: the server would refuse the
   * ack.
   */
  #ackWhen(kept: Promise<void>, ack: Partial<wire.Ack>): void {
    const round = this.#round;
    void kept.then(() => {
      if (this.#round === round) this.#parts.ack(ack);
      else if (this.#unacked === 0) this.#unacked = 1;
    });
  }

  #armHold(): void {
    if (this.#ended) return;
    this.#holdTimer ??= this.#parts.after(HOLD_AFTER_MS, () => {
      this.#holdTimer = undefined;
      const { seq } = this.#received;
      if (!this.#busy || seq <= this.#held) return;
      this.#held = seq;
      this.#parts.ack({ group: this.group, seq: 0, held: seq });
    });
  }
}

/** Whether the entry names the cursor's entry as its predecessor; true while that is not known. */
const follows = (entry: wire.Entry, { id }: Cursor): boolean =>
  id === '' || entry.prev === (id === BEFORE_THE_FIRST ? '' : id);
