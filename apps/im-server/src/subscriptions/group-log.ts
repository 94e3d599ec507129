/**
 * A group's stream as this server follows it, once for all its sessions: where it stands, and the newest entries,
 * encoded for all and not for each. Pushes move it on; what is missing is read from the log, by it alone. Its sessions are
 * given what is new by `group-sessions.ts`.
 */
import type { GroupId, MessageId, Seq, StreamRef } from '@cim/protocol';
import { groupStream } from '@cim/protocol';
import { type Cursor, type Entry, entryId, type Position, type Streams } from '@cim/store';
import type { FeedSink } from './feed-sink.ts';
import { type FollowedLog, type GroupFeed } from './group-feed.ts';
import { GROUP_LOG_KEEPS, GroupSessions } from './group-sessions.ts';
import { SharedPiece } from './shared-piece.ts';
import { realTimers, type Timer, type Timers } from './timers.ts';
import { wentBack } from './went-back.ts';

const REORDER_MS = 20;
const REORDER_ENTRIES = 256;
const READ_ENTRIES = 64;
const RETRY_MS = 1_000;
/** Told that there may be something new, it looks at most this often, in ms. */
const LOOK_MS = 100;

export class GroupLog implements FollowedLog {
  readonly stream: StreamRef;
  readonly group: GroupId;
  readonly #streams: Streams;
  readonly #timers: Timers;
  readonly #onUnused: (log: GroupLog) => void;
  readonly #sessions: GroupSessions;
  /** Sessions that are about to follow. */
  #reserved = 0;
  /** The newest, by seq modulo `GROUP_LOG_KEEPS`; those above `#top - GROUP_LOG_KEEPS` and from `#first` on are what they seem. Made for the first entry. */
  #ring: (SharedPiece | undefined)[] | undefined;
  /** Oldest seq in the ring. */
  #first = 1 as Seq;
  /** Newest seq that is known; -1 until a session follows. */
  #top = -1 as Seq;
  #topId = '' as MessageId;
  /** Something was rung for before a session followed. */
  #missed = false;
  #early: Map<Seq, SharedPiece> | undefined;
  #reading = false;
  #behind = false;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #breaking: Promise<void> | undefined;
  #lookTimer: Timer | undefined;
  #ended = false;

  /** @param onUnused no session follows any more, and none is about to */
  constructor(
    group: GroupId,
    streams: Streams,
    timers: Timers = realTimers,
    onUnused: (log: GroupLog) => void = () => undefined,
  ) {
    this.stream = groupStream(group);
    this.group = group;
    this.#streams = streams;
    this.#timers = timers;
    this.#onUnused = onUnused;
    this.#sessions = new GroupSessions(this, streams, timers);
  }

  /** A session follows this log from now on, beginning at `next`, after the entry `last`; '' when that is not known. */
  follow(next: Seq, last: MessageId, sink: FeedSink): GroupFeed {
    const feed = this.#sessions.follow(next, last, sink);
    // The first one begins where it stands: nobody here needs what was before.
    if (this.#top < 0) this.#begin((next - 1) as Seq, last);
    this.look();
    return feed;
  }

  restingAt(): Cursor {
    return this.#sessions.restingAt();
  }

  /**
   * The same for a session that has all that the log had, and has acked it: it rests until the next entry comes. False:
   * it does not follow yet, because this log stands elsewhere.
   */
  restAt(next: Seq, last: MessageId, sink: FeedSink): boolean {
    if (this.#top < 0) this.#begin((next - 1) as Seq, last);
    if (!this.#sessions.restAt((next - 1) as Seq, last, sink)) return false;
    if (this.#missed) this.look();
    return true;
  }

  /** The session is about to follow: what is rung for from now on is not missed. Undone by `unreserve`. */
  reserve(): void {
    this.#reserved++;
  }

  unreserve(): void {
    this.#reserved--;
    this.#leaveIfUnused();
  }

  leave(of: GroupFeed | FeedSink): void {
    this.#sessions.leave(of);
    this.#leaveIfUnused();
  }

  /** Whether the session of this feed rests now: it is caught up and has acked everything. */
  rest(feed: GroupFeed, sink: FeedSink): boolean {
    return this.#sessions.rest(feed, sink);
  }

  /** Everybody who follows. */
  sinks(): Iterable<FeedSink> {
    return this.#sessions.sinks();
  }

  /** The sessions that do not rest. */
  feeds(): IterableIterator<GroupFeed> {
    return this.#sessions.feeds();
  }

  /** How many sessions follow. */
  get followers(): number {
    return this.#sessions.size;
  }

  /** Gives up the entries in memory when every session has them. */
  forget(): void {
    if (!this.#sessions.allHave(this.#top)) return;
    this.#ring = undefined;
    this.#first = (this.#top + 1) as Seq;
  }

  get top(): Seq {
    return this.#top;
  }

  get topId(): MessageId {
    return this.#topId;
  }

  piece(seq: number): SharedPiece | undefined {
    return seq >= this.#first && seq <= this.#top ? this.#ring?.[seq % GROUP_LOG_KEEPS] : undefined;
  }

  /** A push. */
  offer(entry: Entry): void {
    // Nobody has followed yet; whoever comes first looks into the log.
    if (this.#top < 0) {
      this.#missed = true;
      return;
    }
    if (entry.seq <= this.#top) {
      const known = this.piece(entry.seq);
      if (known === undefined || known.id !== entryId(entry)) this.look();
      return;
    }
    const piece = new SharedPiece(this.group, entry);
    if (entry.seq > this.#top + 1 || this.#reading) {
      this.#keep(piece);
      return;
    }
    if (!this.#take(piece)) return;
    for (let next = this.#fromEarly(); next !== undefined; next = this.#fromEarly())
      if (!this.#take(next)) return;
  }

  /** There may be something new in the log, or it may have gone back. Often called; looks now and then. */
  look(): void {
    this.#missed = this.#top < 0;
    if (this.#ended || this.#missed) return;
    this.#lookTimer ??= this.#timers.set(() => {
      this.#lookTimer = undefined;
      void this.lookNow();
    }, LOOK_MS);
  }

  /** Never throws. */
  lookNow(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  end(): void {
    this.#ended = true;
    this.#sessions.end();
    this.#timers.clear(this.#timer);
    this.#timers.clear(this.#lookTimer);
    this.#early = undefined;
  }

  async #look(): Promise<void> {
    if (this.#top < 0) return;
    const last: Cursor = { seq: this.#top, id: this.#topId };
    try {
      const position = await this.#streams.position(this.stream);
      // A server that has been deposed may have answered.
      this.#check(last, wentBack(last, position) ? await this.#streams.kept.position(this.stream) : position);
    } catch {
      // The store does not answer; the next look will.
    }
  }

  #check(last: Cursor, position: Position): void {
    if (wentBack(last, position)) this.#break(position);
    else if (position.top > this.#top) {
      this.#behind = true;
      this.#read();
    }
  }

  #begin(top: Seq, topId: MessageId): void {
    this.#top = top;
    this.#topId = topId;
    this.#sessions.standAt(top, topId);
    this.#first = (top + 1) as Seq;
    this.#early = undefined;
  }

  /** The store has lost entries that went out: each session finds out where it goes on. */
  #break(position: Position): void {
    const before = this.#sessions.restingAt();
    this.#begin(position.top, position.topId);
    this.#sessions.break(before);
  }

  #leaveIfUnused(): void {
    if (this.followers === 0 && this.#reserved === 0) this.#onUnused(this);
  }

  /** False: it does not follow the one before. */
  #take(piece: SharedPiece): boolean {
    const { to: seq, prev } = piece;
    if (seq === this.#top + 1 && this.#topId !== '' && prev !== this.#topId) {
      this.#breaking ??= this.#streams.kept
        .position(this.stream)
        .then(
          (position) => this.#break(position),
          () => this.look(),
        )
        .finally(() => {
          this.#breaking = undefined;
        });
      return false;
    }
    // After what was trimmed before it was read nothing older counts.
    if (seq > this.#top + 1) this.#first = seq;
    this.#ring ??= new Array<SharedPiece | undefined>(GROUP_LOG_KEEPS);
    this.#ring[seq % GROUP_LOG_KEEPS] = piece;
    this.#top = seq;
    this.#topId = piece.id;
    if (seq - this.#first >= GROUP_LOG_KEEPS) this.#first = (seq - GROUP_LOG_KEEPS + 1) as Seq;
    this.#sessions.spread();
    return true;
  }

  #keep(piece: SharedPiece): void {
    this.#behind = true;
    this.#early ??= new Map();
    if (this.#early.size < REORDER_ENTRIES) this.#early.set(piece.to, piece);
    if (!this.#reading) this.#later(REORDER_MS);
  }

  #fromEarly(): SharedPiece | undefined {
    const next = (this.#top + 1) as Seq;
    const piece = this.#early?.get(next);
    if (piece !== undefined) this.#early?.delete(next);
    return piece;
  }

  #later(ms: number): void {
    this.#timer ??= this.#timers.set(() => {
      this.#timer = undefined;
      this.#read();
    }, ms);
  }

  #read(): void {
    if (this.#reading || this.#ended || !this.#behind) return;
    this.#reading = true;
    this.#readOn()
      .catch(() => {
        this.#behind = true;
        this.#later(RETRY_MS);
      })
      .finally(() => {
        this.#reading = false;
        if (this.#behind) this.#later(REORDER_MS);
      });
  }

  async #readOn(): Promise<void> {
    while (this.#behind && !this.#ended) {
      this.#behind = false;
      const entries = await this.#streams.read(this.stream, (this.#top + 1) as Seq, READ_ENTRIES);
      for (const entry of entries) {
        if (entry.seq <= this.#top) continue;
        const pushed = this.#early?.get(entry.seq);
        const piece = pushed?.id === entryId(entry) ? pushed : new SharedPiece(this.group, entry);
        if (!this.#take(piece)) return;
        this.#early?.delete(entry.seq);
      }
      // One that found something looks again: more may be there, or was pushed meanwhile.
      if (entries.length > 0) this.#behind = true;
    }
    this.#early = undefined;
  }
}
