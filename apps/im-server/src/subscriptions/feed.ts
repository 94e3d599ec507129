/**
 * One stream of one session. Entries are sent in order, each once, whatever the order of the pushes. Missing
 * entries are read from the log. The number of unacked entries is bounded; the rest waits in the log.
 */
import type { InstanceId, MessageId, Seq, StreamRef, UserId } from '@cim/protocol';
import { type Cursor, type Entry, entryId, isCopy, type Position, type Streams } from '@cim/store';
import { AckClock, type AckLook } from './ack-clock.ts';
import type { FeedSink, Followed } from './feed-sink.ts';
import { tellGap } from './tell-gap.ts';
import { wentBack } from './went-back.ts';

/** A pushed entry waits this long for the entries before it [ms]. Then the log is read. */
const REORDER_MS = 20;
const REORDER_ENTRIES = 32;
const READ_ENTRIES = 64;
/** Wait after the store did not answer [ms]. */
const RETRY_MS = 1_000;
/** Shortest time between two checks of the log that pushes of long sent entries cause [ms]. */
const SUSPECT_MS = 1_000;
export const WINDOW_ENTRIES = 256;
export const WINDOW_BYTES = 256 * 1024;

interface Pushed {
  readonly entry: Entry;
  readonly from: InstanceId | undefined;
}

/** An entry that was sent and is not acked. */
interface Sent extends Cursor {
  /** Bytes of the entry; 0 when a receipt has delivered it and nothing was written. */
  readonly bytes: number;
  /**
   * The sender to notify when the entry is acked; undefined for a copy of a message of the session's own
   * user.
   */
  readonly sender: UserId | undefined;
  readonly from: InstanceId | undefined;
  /** When it was stored [ms since 1970]. */
  readonly storedAt: number;
}

export class Feed implements Followed {
  readonly stream: StreamRef;
  readonly #streams: Streams;
  readonly #sink: FeedSink;
  readonly #clock = new AckClock();
  #next: Seq;
  /** Id of the entry before `#next`; '' when it is not known. */
  #lastId = '' as MessageId;
  #reading = false;
  /** Whether the log may hold entries from `#next` on. */
  #behind = false;
  #broken = false;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;
  #early: Map<Seq, Pushed> | undefined;
  /** Unacked entries, ascending. */
  #sent: Sent[] = [];
  #sentBytes = 0;
  #suspectedAt = 0;
  /** Highest seq that was sent before `moveTo`. An ack of it may be on its way. */
  #staleTo = 0;

  /** @param lastId id of the entry before `next`, '' when it is not known */
  constructor(
    stream: StreamRef,
    next: Seq,
    streams: Streams,
    sink: FeedSink,
    lastId: MessageId = '' as MessageId,
  ) {
    this.stream = stream;
    this.#next = next;
    this.#lastId = lastId;
    this.#streams = streams;
    this.#sink = sink;
  }

  get next(): Seq {
    return this.#next;
  }

  get acked(): Seq {
    return ((this.#sent[0]?.seq ?? this.#next) - 1) as Seq;
  }

  get unacked(): number {
    return this.#sent.length;
  }

  get behind(): boolean {
    return this.#behind;
  }

  get last(): Cursor {
    return { seq: (this.#next - 1) as Seq, id: this.#lastId };
  }

  get had(): Seq {
    return Math.max(this.#staleTo, this.#next - 1) as Seq;
  }

  /** Takes a pushed entry. */
  offer(entry: Entry, from?: InstanceId): void {
    if (this.#ended || this.#broken) return;
    if (entry.seq < this.#next) {
      if (!this.#wentOut(entry)) this.#suspect();
      return;
    }
    if (entry.seq > this.#next || this.#reading || !this.#writable()) {
      this.#keep({ entry, from });
      return;
    }
    if (this.#write(entry, from)) this.#writeEarly();
  }

  /**
   * Takes the copy that the receipt of the session's own send delivers: nothing is written for it. Entries
   * behind it wait until the receipt was written (`passed`). False: the copy is not the next entry of this
   * feed, so it has to come as an entry.
   */
  pass(copy: Entry): boolean {
    const follows = copy.seq === this.#next && (this.#lastId === '' || copy.prev === this.#lastId);
    if (!follows || this.#ended || this.#broken || this.#reading) return false;
    const sent = {
      ...{ seq: copy.seq, id: entryId(copy), bytes: 0, sender: undefined, from: undefined },
      storedAt: copy.storedAt,
    };
    this.#next = (copy.seq + 1) as Seq;
    this.#lastId = sent.id;
    // The newest copy stands for all before it.
    if (this.#sent.at(-1)?.bytes === 0) this.#sent.pop();
    this.#sent.push(sent);
    return true;
  }

  /**
   * Called after the receipt that delivers a copy was written. Entries that wait behind the copy may now be
   * sent.
   */
  passed(): void {
    this.#writeEarly();
  }

  /** Tells that the log may hold new entries. */
  wake(): void {
    this.#behind = true;
    this.resume();
  }

  resume(): void {
    if (this.#behind && !this.#reading && this.#writable()) void this.#read();
  }

  /** Compares the log with what was sent. @param last the last sent entry when the position was read */
  check(last: Cursor, position: Position): void {
    if (this.#ended || this.#broken) return;
    if (wentBack(last, position)) this.#break();
    else if (position.top >= this.#next) this.wake();
  }

  ack(seq: Seq): Cursor | 'unsent' | undefined {
    if (seq >= this.#next) return seq <= this.#staleTo ? undefined : 'unsent';
    let acked = 0;
    let cursor: Sent | undefined;
    let received: Sent | undefined;
    for (; acked < this.#sent.length; acked++) {
      const sent = this.#sent[acked];
      if (sent === undefined || sent.seq > seq) break;
      this.#sentBytes -= sent.bytes;
      cursor = sent;
      if (sent.sender === undefined) continue;
      this.#sink.acknowledged(this, sent.storedAt);
      if (received?.sender !== sent.sender) this.#tell(received);
      received = sent;
    }
    if (cursor === undefined) return undefined;
    this.#tell(received);
    this.#sent = acked === this.#sent.length ? [] : this.#sent.slice(acked);
    this.#clock.acked(this.#sink.now(), this.#sentBytes === 0);
    this.resume();
    return { seq: cursor.seq, id: cursor.id };
  }

  hold(seq: Seq): void {
    const last = this.#sent.at(-1);
    if (last !== undefined) this.#clock.acked(this.#sink.now(), seq >= last.seq);
  }

  acksDueIn(now: number): number {
    return this.#clock.dueIn(now);
  }

  lookAtAcks(now: number): Exclude<AckLook, 'resend'> {
    const answer = this.#clock.look(now, this.#full());
    if (answer !== 'resend') return answer;
    void this.#resend();
    return 'wait';
  }

  moveTo(next: Seq, last: MessageId): void {
    this.#staleTo = Math.max(this.#staleTo, this.#next - 1);
    this.#next = next;
    this.#lastId = last;
    this.#sent = [];
    this.#sentBytes = 0;
    this.#clock.acked(this.#sink.now(), true);
    this.#broken = false;
    this.wake();
    // The store still showed an older log when it was asked where to go on.
    this.#compare();
  }

  end(): void {
    this.#ended = true;
    this.#forgetEarly();
  }

  #writable(): boolean {
    return !this.#ended && !this.#broken && !this.#full() && this.#sink.ready();
  }

  #full(): boolean {
    return this.#sent.length >= WINDOW_ENTRIES || this.#sentBytes >= WINDOW_BYTES;
  }

  /** Writes an entry. False: it does not follow the last one. */
  #write(entry: Entry, from: InstanceId | undefined): boolean {
    if (entry.seq === this.#next && this.#lastId !== '' && entry.prev !== this.#lastId) {
      this.#break();
      return false;
    }
    const id = entryId(entry);
    const bytes = entry.content.length + 64;
    this.#next = (entry.seq + 1) as Seq;
    this.#lastId = id;
    const sender = isCopy(entry) ? undefined : entry.sender.userId;
    this.#sent.push({ seq: entry.seq, id, bytes, sender, from, storedAt: entry.storedAt });
    this.#sentBytes += bytes;
    this.#clock.wrote(this.#sink.now());
    this.#sink.write(this, entry);
    return true;
  }

  #wentOut(entry: Entry): boolean {
    const sent = this.#sent.find(({ seq }) => seq === entry.seq);
    return sent?.id === entryId(entry);
  }

  #tell(sent: Sent | undefined): void {
    if (sent?.sender !== undefined) this.#sink.passed(this, sent.sender, sent.seq, sent.from);
  }

  /**
   * The entry was acked long ago, or its seq is used again after the store lost entries. Only the log can
   * tell.
   */
  #suspect(): void {
    const now = this.#sink.now();
    if (now - this.#suspectedAt < SUSPECT_MS && this.#suspectedAt !== 0) return;
    this.#suspectedAt = now;
    this.#compare();
  }

  #compare(): void {
    const last = this.last;
    this.#streams.kept.position(this.stream).then(
      (position) => this.check(last, position),
      () => undefined, // the look comes by
    );
  }

  #break(): void {
    this.#broken = true;
    this.#behind = false;
    this.#forgetEarly();
    this.#sink.broken(this, 'stream.went-back');
  }

  #keep(pushed: Pushed): void {
    this.#behind = true;
    if (this.#reading || !this.#writable()) return;
    this.#early ??= new Map();
    if (this.#early.size < REORDER_ENTRIES) this.#early.set(pushed.entry.seq, pushed);
    this.#later(REORDER_MS);
  }

  #writeEarly(): void {
    const early = this.#early;
    if (early === undefined) return;
    for (let item = early.get(this.#next); item !== undefined; item = early.get(this.#next)) {
      if (!this.#writable()) return;
      early.delete(this.#next);
      if (!this.#write(item.entry, item.from)) return;
    }
    if (early.size > 0) return;
    // Nothing was missing after all. Entries beyond the limit of `early` are read from the log all the same.
    this.#forgetEarly();
    this.#later(REORDER_MS);
  }

  #forgetEarly(): void {
    this.#early = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #later(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.resume();
    }, ms);
  }

  async #read(): Promise<void> {
    this.#reading = true;
    this.#early = undefined;
    let failed = false;
    try {
      while (this.#behind && this.#writable()) {
        this.#behind = false;
        const from = this.#next;
        const entries = await this.#streams.read(this.stream, from, READ_ENTRIES);
        // The feed was moved during the read.
        if (this.#next !== from) {
          this.#behind = true;
          continue;
        }
        for (const entry of entries) {
          if (!this.#writable()) {
            this.#behind = true;
            break;
          }
          if (entry.seq < this.#next) continue;
          if (entry.seq > this.#next) {
            const next = this.#next;
            await tellGap(this.#streams, this, this.#sink, entry.seq);
            if (this.#next !== next || !this.#writable()) {
              this.#behind = true;
              break;
            }
          }
          if (!this.#write(entry, undefined)) break;
        }
        // A read that found entries reads again: more may be there, or were pushed meanwhile.
        if (entries.length > 0 && !this.#broken) this.#behind = true;
      }
    } catch {
      // The store does not answer. The first part that asked it has logged that.
      failed = true;
    } finally {
      this.#reading = false;
    }
    if (!failed || this.#ended) return;
    this.#behind = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#later(RETRY_MS);
  }

  /** Sends unacked entries once more, as the log has them. */
  async #resend(): Promise<void> {
    let from = this.#sent[0]?.seq;
    try {
      while (from !== undefined && from < this.#next && this.#sink.ready()) {
        const entries = await this.#streams.read(this.stream, from, READ_ENTRIES);
        if (entries.length === 0 || this.#ended || this.#broken) return;
        for (const entry of entries) {
          from = (entry.seq + 1) as Seq;
          if (this.#wentOut(entry) && this.#sink.ready()) this.#sink.write(this, entry);
        }
      }
    } catch {
      // The next timeout tries again.
    }
  }
}
