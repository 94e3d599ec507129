/**
 * A group's stream as this server follows it, once for all its sessions: its position, and the newest
 * entries, encoded once for all sessions. Pushes add entries; missing ones are read from the log, by this
 * class alone. `group-sessions.ts` gives new entries to the sessions.
 */
import type { GroupId, MessageId, Seq, StreamRef } from '@cim/protocol';
import { groupStream } from '@cim/protocol';
import { type Cursor, type Entry, entryId, type Position, type Streams } from '@cim/store';
import type { FeedSink } from './feed-sink.ts';
import { type FollowedLog, type GroupFeed } from './group-feed.ts';
import { GROUP_LOG_KEEPS, GroupSessions } from './group-sessions.ts';
import { exactEntry, SharedPiece } from './shared-piece.ts';
import { realTimers, type Timer, type Timers } from './timers.ts';
import { wentBack } from './went-back.ts';

const REORDER_MS = 20;
const REORDER_ENTRIES = 256;
const READ_ENTRIES = 64;
const RETRY_MS = 1_000;
/** Shortest time between two looks that `look` causes [ms]. */
const LOOK_MS = 100;

export class GroupLog implements FollowedLog {
  readonly stream: StreamRef;
  readonly group: GroupId;
  readonly #streams: Streams;
  readonly #timers: Timers;
  readonly #onUnused: (log: GroupLog) => void;
  readonly #sessions: GroupSessions;
  /** Number of sessions that are about to follow. */
  #reserved = 0;
  /**
   * The newest entries by seq modulo `GROUP_LOG_KEEPS`. Slots are valid above `#top - GROUP_LOG_KEEPS` and
   * from `#first` on. Created with the first entry.
   */
  #ring: (SharedPiece | undefined)[] | undefined;
  /** Oldest seq in the ring. */
  #first = 1 as Seq;
  /** Newest known seq; -1 until a session follows. */
  #top = -1 as Seq;
  #topId = '' as MessageId;
  /** Whether an entry was rung for before a session followed. */
  #missed = false;
  #early: Map<Seq, SharedPiece> | undefined;
  #reading = false;
  #behind = false;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #breaking: Promise<void> | undefined;
  #lookTimer: Timer | undefined;
  #ended = false;

  /** @param onUnused called when no session follows any more, and none is about to */
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

  /**
   * Adds a session that follows from now on, beginning at `next`, after the entry with the id `last`; '' when
   * that is not known.
   */
  follow(next: Seq, last: MessageId, sink: FeedSink): GroupFeed {
    const feed = this.#sessions.follow(next, last, sink);
    // The log begins where its first session does: nobody here needs older entries.
    if (this.#top < 0) this.#begin((next - 1) as Seq, last);
    this.look();
    return feed;
  }

  restingAt(): Cursor {
    return this.#sessions.restingAt();
  }

  /**
   * Adds a session that has received and acked everything: it rests until the next entry comes. False: it
   * does not follow yet, because this log is at another position.
   */
  restAt(next: Seq, last: MessageId, sink: FeedSink): boolean {
    if (this.#top < 0) this.#begin((next - 1) as Seq, last);
    if (!this.#sessions.restAt((next - 1) as Seq, last, sink)) return false;
    if (this.#missed) this.look();
    return true;
  }

  /** Announces a session that is about to follow. Rings from now on are not missed. `unreserve` ends this. */
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

  /**
   * Makes the session of this feed rest if it is caught up and has acked everything. Answers whether it rests
   * now.
   */
  rest(feed: GroupFeed, sink: FeedSink): boolean {
    return this.#sessions.rest(feed, sink);
  }

  /** All sessions that follow. */
  sinks(): Iterable<FeedSink> {
    return this.#sessions.sinks();
  }

  /** The sessions that do not rest. */
  feeds(): IterableIterator<GroupFeed> {
    return this.#sessions.feeds();
  }

  /** Number of sessions that follow. */
  get followers(): number {
    return this.#sessions.size;
  }

  /** Frees the entries in memory when every session has them. */
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

  /** Takes a pushed entry. */
  offer(entry: Entry): void {
    // No session follows yet. The first one reads the log.
    if (this.#top < 0) {
      this.#missed = true;
      return;
    }
    if (entry.seq <= this.#top) {
      const known = this.piece(entry.seq);
      if (known === undefined || known.id !== entryId(entry)) this.look();
      return;
    }
    const piece = new SharedPiece(this.group, exactEntry(entry));
    if (entry.seq > this.#top + 1 || this.#reading) {
      this.#keep(piece);
      return;
    }
    if (!this.#take(piece)) return;
    for (let next = this.#fromEarly(); next !== undefined; next = this.#fromEarly())
      if (!this.#take(next)) return;
  }

  /**
   * Tells that the log may have new entries, or may have gone back. It may be called often; the log is read
   * now and then.
   */
  look(): void {
    this.#missed = this.#top < 0;
    if (this.#ended || this.#missed) return;
    this.#lookTimer ??= this.#timers.set(() => {
      this.#lookTimer = undefined;
      void this.lookNow();
    }, LOOK_MS);
  }

  /** Reads the top of the log at once. Never throws. */
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
      // A deposed server may have answered, so the position is read again with confirmation.
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

  /** The store has lost entries that were sent. Each session finds out where it goes on. */
  #break(position: Position): void {
    const before = this.#sessions.restingAt();
    this.#begin(position.top, position.topId);
    this.#sessions.break(before);
  }

  #leaveIfUnused(): void {
    if (this.followers === 0 && this.#reserved === 0) this.#onUnused(this);
  }

  /** Adds an entry. False: it does not follow the one before. */
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
    // Entries before this one were trimmed before they were read, so older slots no longer count.
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
        const piece = pushed?.id === entryId(entry) ? pushed : new SharedPiece(this.group, exactEntry(entry));
        if (!this.#take(piece)) return;
        this.#early?.delete(entry.seq);
      }
      // A read that found entries reads again: more may be there, or were pushed meanwhile.
      if (entries.length > 0) this.#behind = true;
    }
    this.#early = undefined;
  }
}
