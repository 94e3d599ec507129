/**
 * A group's stream of one session, based on the server's one log of the group. The feed itself stores no
 * entry. A session that is caught up writes new entries as they come. One that is behind goes on from the
 * log's memory, or reads older entries itself.
 */
import type { MessageId, Seq, StreamRef } from '@cim/protocol';
import type { Cursor, Streams } from '@cim/store';
import { AckClock, type AckLook } from './ack-clock.ts';
import { WINDOW_BYTES, WINDOW_ENTRIES } from './feed.ts';
import type { FeedSink, Resting, RestingFollowed } from './feed-sink.ts';
import { SharedPiece } from './shared-piece.ts';
import type { Timer, Timers } from './timers.ts';

const READ_ENTRIES = 64;
const RETRY_MS = 1_000;

/** The part of a group's log that its sessions use. */
export interface FollowedLog extends Resting {
  /** Newest known seq. `piece` has it if it is not too old. */
  readonly top: Seq;
  /** Id of that entry; '' when it is not known. */
  readonly topId: MessageId;
  /** A single entry; undefined when it is not in memory. */
  piece(seq: number): SharedPiece | undefined;
  /** Reads the top of the log: there may be new entries, or the log may have gone back. Never throws. */
  lookNow(): Promise<void>;
  leave(of: GroupFeed | FeedSink): void;
  /** Makes the session of this feed rest if it can. Answers whether it rests now. */
  rest(feed: GroupFeed, sink: FeedSink): boolean;
}

export class GroupFeed implements RestingFollowed {
  readonly #log: FollowedLog;
  readonly #sink: FeedSink;
  readonly #streams: Streams;
  readonly #timers: Timers;
  readonly #clock = new AckClock();
  #next: Seq;
  #lastId: MessageId;
  /** The client has acked all entries up to this one. */
  #acked: Seq;
  /** Approximate bytes that were sent and are not acked. */
  #unackedBytes = 0;
  /** Highest seq that was ever sent. */
  #sent: Seq;
  /** Highest seq that was sent before `moveTo`. An ack of it may be on its way. */
  #staleTo = 0;
  #reading = false;
  #state: 'on' | 'broken' | 'waiting' | 'ended' = 'on';
  /** When the feed was last moved [ms of the sink's clock]. */
  #movedAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  /** @param last id of the entry before `next`; '' when it is not known */
  constructor(
    log: FollowedLog,
    next: Seq,
    last: MessageId,
    sink: FeedSink,
    streams: Streams,
    timers: Timers,
  ) {
    this.#log = log;
    this.#next = next;
    this.#lastId = last;
    this.#acked = (next - 1) as Seq;
    this.#sent = this.#acked;
    this.#sink = sink;
    this.#streams = streams;
    this.#timers = timers;
  }

  get stream(): StreamRef {
    return this.#log.stream;
  }

  get next(): Seq {
    return this.#next;
  }

  get acked(): Seq {
    return this.#acked;
  }

  get unacked(): number {
    return this.#next - 1 - this.#acked;
  }

  get behind(): boolean {
    return this.#next <= this.#log.top;
  }

  get last(): Cursor {
    return { seq: (this.#next - 1) as Seq, id: this.#lastId };
  }

  get had(): Seq {
    return Math.max(this.#staleTo, this.#sent) as Seq;
  }

  /** The session of this feed. */
  get sink(): FeedSink {
    return this.#sink;
  }

  rest(): Resting | undefined {
    const idle =
      this.#state === 'on' &&
      !this.#reading &&
      this.#timer === undefined &&
      this.#acked === this.#next - 1 &&
      this.#staleTo < this.#next;
    if (!idle || !this.#log.rest(this, this.#sink)) return undefined;
    this.#state = 'ended';
    return this.#log;
  }

  /** Takes the newest entries as one piece, for sessions that can take all of it. */
  offer(piece: SharedPiece): void {
    const fits =
      piece.from === this.#next &&
      piece.to - this.#acked <= WINDOW_ENTRIES &&
      this.#unackedBytes + piece.contentBytes <= WINDOW_BYTES;
    if (fits && this.#writable()) this.#write(piece);
    else this.resume();
  }

  /** Sends what it can: the log has new entries, or the client may be written to again. */
  resume(): void {
    // The store still showed an older log when it was asked where to go on.
    if (this.#state === 'on' && this.#next - 1 === this.#log.top && !isSame(this.#lastId, this.#log.topId))
      return this.break();
    while (this.#next <= this.#log.top && this.#writable()) {
      const piece = this.#log.piece(this.#next);
      if (piece === undefined) {
        void this.#read();
        return;
      }
      this.#write(piece);
    }
  }

  ack(seq: Seq): Cursor | 'unsent' | undefined {
    if (seq > this.#sent) return seq <= this.#staleTo ? undefined : 'unsent';
    if (seq <= this.#acked) return undefined;
    // The length of each entry is not stored. The acked part is taken for its share of all bytes.
    const unacked = this.#next - 1 - this.#acked;
    this.#unackedBytes *= Math.max(1 - (seq - this.#acked) / unacked, 0);
    this.#acked = seq;
    const piece = this.#log.piece(seq);
    const id = seq === this.#next - 1 ? this.#lastId : piece?.id;
    // One report per ack, however many entries it covers: a group has many members.
    const storedAt = piece?.entries[0]?.storedAt;
    if (storedAt !== undefined) this.#sink.acknowledged(this, storedAt);
    // The entry was acked while it was being sent once more.
    if (seq >= this.#next) {
      this.#next = (seq + 1) as Seq;
      this.#lastId = id ?? ('' as MessageId);
    }
    this.#clock.acked(this.#sink.now(), this.#acked >= this.#next - 1);
    this.resume();
    return id === undefined || id === '' ? undefined : { seq, id };
  }

  hold(seq: Seq): void {
    if (this.#acked < this.#next - 1) this.#clock.acked(this.#sink.now(), seq >= this.#next - 1);
  }

  acksDueIn(now: number): number {
    return this.#clock.dueIn(now);
  }

  lookAtAcks(now: number): Exclude<AckLook, 'resend'> {
    const answer = this.#clock.look(now, this.#full());
    if (answer !== 'resend') return answer;
    this.#next = (this.#acked + 1) as Seq;
    this.#lastId = this.#log.piece(this.#acked)?.id ?? ('' as MessageId);
    this.#unackedBytes = 0;
    this.resume();
    return 'wait';
  }

  /** Tells that the log has gone back, or no longer keeps the next entry. */
  break(event: 'stream.went-back' | 'stream.trimmed' = 'stream.went-back'): void {
    if (this.#state !== 'on') return;
    this.#state = 'broken';
    this.#sink.broken(this, event);
  }

  moveTo(next: Seq, last: MessageId): void {
    if (this.#state === 'ended') return;
    const now = this.#sink.now();
    // The feed was moved a moment ago: the log here and the store do not agree yet. Waiting keeps the two
    // from asking each other endlessly.
    this.#state = now - this.#movedAt < RETRY_MS ? 'waiting' : 'on';
    this.#movedAt = now;
    this.#staleTo = Math.max(this.#staleTo, this.#sent);
    this.#next = next;
    this.#lastId = last;
    this.#acked = (next - 1) as Seq;
    this.#sent = this.#acked;
    this.#unackedBytes = 0;
    this.#clock.acked(now, true);
    if (this.#state === 'on') void this.#log.lookNow().then(() => this.resume());
    else this.#later();
  }

  end(): void {
    this.#state = 'ended';
    this.#timers.clear(this.#timer);
    this.#log.leave(this);
  }

  #writable(): boolean {
    return this.#state === 'on' && !this.#reading && !this.#full() && this.#sink.ready();
  }

  #full(): boolean {
    return this.#next - this.#acked > WINDOW_ENTRIES || this.#unackedBytes >= WINDOW_BYTES;
  }

  #write(piece: SharedPiece): void {
    const { from, to } = piece;
    if (from === this.#next && !isSame(this.#lastId, piece.prev)) return this.break();
    this.#next = (to + 1) as Seq;
    this.#lastId = piece.id;
    if (to > this.#sent) this.#sent = to;
    this.#unackedBytes += piece.contentBytes;
    this.#clock.wrote(this.#sink.now());
    this.#sink.writeShared(this, piece);
  }

  /** Reads entries that are too old for the log's memory. */
  async #read(): Promise<void> {
    if (this.#reading || this.#timer !== undefined) return;
    this.#reading = true;
    let again: 'at once' | 'later' = 'at once';
    try {
      const next = this.#next;
      const entries = await this.#streams.read(this.stream, next, READ_ENTRIES);
      this.#reading = false;
      // The feed was moved back during the read, or has to send unacked entries again: what was read begins
      // too late.
      const fits = this.#next >= next;
      for (const entry of fits ? entries : []) {
        // Acks have moved the feed on during the read.
        if (entry.seq < this.#next) continue;
        if (!this.#writable()) return;
        if (entry.seq > this.#next) {
          const before = this.#next;
          this.#reading = true;
          const { first, top } = await this.#streams.kept.position(this.stream);
          this.#reading = false;
          if (this.#next !== before || !this.#writable()) break;
          // As after a long absence, the client gets the newest entries and not all that are kept.
          if (first >= entry.seq) return this.break('stream.trimmed');
          this.#sink.lost(this, entry.seq, top);
        }
        this.#write(this.#log.piece(entry.seq) ?? new SharedPiece(this.#log.group, entry));
      }
      if (fits && entries.length === 0) again = 'later';
    } catch {
      again = 'later';
    }
    this.#reading = false;
    if (again === 'at once') this.resume();
    else this.#later();
  }

  #later(): void {
    this.#timer ??= this.#timers.set(() => {
      this.#timer = undefined;
      if (this.#state === 'waiting') this.#state = 'on';
      void this.#log.lookNow().then(() => this.resume());
    }, RETRY_MS);
  }
}

/** Whether both may be the same entry. '' is an unknown id. */
const isSame = (a: MessageId, b: MessageId): boolean => a === b || a === '' || b === '';
