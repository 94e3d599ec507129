/**
 * One stream as one session follows it by itself: entries go out in order, each once, whatever order the pushes come
 * in. What is missing is read from the log; what the client has not acked is bounded, and the log waits for the rest.
 */
import type { InstanceId, MessageId, Seq, StreamRef, UserId } from '@cim/protocol';
import { type Cursor, type Entry, entryId, isCopy, type Position, type Streams } from '@cim/store';
import { AckClock, type AckLook } from './ack-clock.ts';
import type { FeedSink, Followed } from './feed-sink.ts';
import { tellGap } from './tell-gap.ts';
import { wentBack } from './went-back.ts';

/** A pushed entry that is ahead waits this long for those before it, in ms; then the log is read. */
const REORDER_MS = 20;
const REORDER_ENTRIES = 32;
const READ_ENTRIES = 64;
/** After a store that did not answer, in ms. */
const RETRY_MS = 1_000;
/** A push of what went out long ago makes the feed look at the log, at most this often, in ms. */
const SUSPECT_MS = 1_000;
export const WINDOW_ENTRIES = 256;
export const WINDOW_BYTES = 256 * 1024;

interface Pushed {
  readonly entry: Entry;
  readonly from: InstanceId | undefined;
}

/** With the client and not acked. */
interface Sent extends Cursor {
  /** 0: a receipt has delivered it, and nothing was written. */
  readonly bytes: number;
  /** Who is told when it is acked; undefined for a copy of what the session's own user has sent. */
  readonly sender: UserId | undefined;
  readonly from: InstanceId | undefined;
  /** ms since 1970. */
  readonly storedAt: number;
}

export class Feed implements Followed {
  readonly stream: StreamRef;
  readonly #streams: Streams;
  readonly #sink: FeedSink;
  readonly #clock = new AckClock();
  #next: Seq;
  /** Of the entry before `#next`; '' when it is not known. */
  #lastId = '' as MessageId;
  #reading = false;
  /** There may be entries in the log from `#next` on. */
  #behind = false;
  #broken = false;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;
  #early: Map<Seq, Pushed> | undefined;
  /** Ascending. */
  #sent: Sent[] = [];
  #sentBytes = 0;
  #suspectedAt = 0;
  /** Went out before `moveTo`: an ack of it may be on its way. */
  #staleTo = 0;

  /** @param lastId of the entry before `next`, '' when that is not known */
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

  /** A push. */
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
   * The receipt of the session's own send delivers this copy: nothing is written, and nothing behind it may be written
   * before that receipt (`passed`). False: the feed does not stand right
   * before it, so that the copy has to come as an entry.
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
    // The newest says it for all of them.
    if (this.#sent.at(-1)?.bytes === 0) this.#sent.pop();
    this.#sent.push(sent);
    return true;
  }

  /** The receipt that delivers a copy has been written: what came too early and waits behind the copy may go out. */
  passed(): void {
    this.#writeEarly();
  }

  /** There may be something in the log. */
  wake(): void {
    this.#behind = true;
    this.resume();
  }

  resume(): void {
    if (this.#behind && !this.#reading && this.#writable()) void this.#read();
  }

  /** The log as it was found after `last` had gone out. */
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
    // Asked where to go on, the store was still another.
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

  /** False: the entry does not follow the last one. */
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

  /** Long acked, or a seq that is used again after the store lost entries: the log tells. */
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
    // Nothing was missing after all; what came in beyond the limit of `early` is looked for all the same.
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
        // It was moved meanwhile.
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
        // One that found something looks again: more may be there, or was pushed meanwhile.
        if (entries.length > 0 && !this.#broken) this.#behind = true;
      }
    } catch {
      // The store does not answer; whoever asked it first has logged so.
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

  /** What is not acked, once more, as the log has it. */
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
