/**
 * The sessions of one im-server that follow a group, and the pass that gives them new entries. A session that
 * has acked everything rests: it has no feed of its own until the next entry comes.
 */
import type { MessageId, Seq } from '@cim/protocol';
import type { Cursor, Entry, Streams } from '@cim/store';
import { inSlices, Slice } from '@cim/runtime';
import type { FeedSink } from './feed-sink.ts';
import { type FollowedLog, GroupFeed } from './group-feed.ts';
import { SharedPiece } from './shared-piece.ts';
import type { Timers } from './timers.ts';

/**
 * Number of newest entries that the log of a group keeps in memory. The unacked entries of a session with a
 * full window are among them.
 */
export const GROUP_LOG_KEEPS = 256;
/**
 * Most new entries that wait for the end of the turn. At this number a pass begins at once, so that memory
 * holds all of them for all sessions.
 */
const GATHERED = GROUP_LOG_KEEPS / 2;
/** Largest piece of several entries [bytes]: less than what a nearly full channel still takes. */
const PIECE_BYTES = 64 * 1024;
/** Most bytes of an entry besides its content: names, ids and headers. */
const AROUND_BYTES = 328;

export class GroupSessions {
  readonly #log: FollowedLog;
  readonly #streams: Streams;
  readonly #timers: Timers;
  /** Feeds of sessions that follow and do not rest. Each is removed when it ends. */
  readonly #feeds = new Set<GroupFeed>();
  /** Sessions that rest at `#spreadTo`. Removed when the session ends, or the next entry wakes it. */
  readonly #resting = new Set<FeedSink>();
  /** The pass under way, or the last one, gives the sessions all entries up to this one. */
  #spreadTo = -1 as Seq;
  #spreadToId = '' as MessageId;
  /** Position of the resting sessions when the pass began. */
  #rested: Cursor = { seq: 0 as Seq, id: '' as MessageId };
  /** The piece that the pass gives; undefined: each session finds out by itself. */
  #spreadPiece: SharedPiece | undefined;
  /** Sessions that the pass has not visited yet; undefined when no pass is under way. */
  #unspread: Iterator<GroupFeed, undefined> | undefined;
  #spreads = false;
  readonly #spreadOn = (): void => this.#spreadSlice();
  #ended = false;

  constructor(log: FollowedLog, streams: Streams, timers: Timers) {
    this.#log = log;
    this.#streams = streams;
    this.#timers = timers;
  }

  /** Number of sessions that follow. */
  get size(): number {
    return this.#feeds.size + this.#resting.size;
  }

  /** All sessions that follow. */
  *sinks(): Generator<FeedSink, void> {
    yield* this.#resting;
    for (const feed of this.#feeds) yield feed.sink;
  }

  /** The sessions that do not rest. */
  feeds(): IterableIterator<GroupFeed> {
    return this.#feeds.values();
  }

  /** Whether every session rests and has everything up to `top`. */
  allHave(top: Seq): boolean {
    return this.#feeds.size === 0 && top === this.#spreadTo;
  }

  /** Adds a session from `next` on, after the entry with the id `last`; '' when that is not known. */
  follow(next: Seq, last: MessageId, sink: FeedSink): GroupFeed {
    const feed = new GroupFeed(this.#log, next, last, sink, this.#streams, this.#timers);
    this.#feeds.add(feed);
    return feed;
  }

  /**
   * Makes a session rest whose newest entry is this one. False: the resting sessions are at another position.
   */
  restAt(seq: Seq, id: MessageId, sink: FeedSink): boolean {
    const { seq: spreadTo, id: spreadToId } = { seq: this.#spreadTo, id: this.#spreadToId };
    if (this.#log.top !== spreadTo || this.#unspread !== undefined || seq !== spreadTo) return false;
    if (id !== spreadToId || (id === '' && seq !== 0)) return false;
    this.#resting.add(sink);
    return true;
  }

  /**
   * Makes the session of this feed rest if it is caught up and has acked everything. Answers whether it rests
   * now.
   */
  rest(feed: GroupFeed, sink: FeedSink): boolean {
    const { seq, id } = feed.last;
    if (!this.restAt(seq, id, sink)) return false;
    this.#feeds.delete(feed);
    return true;
  }

  leave(of: GroupFeed | FeedSink): void {
    if (of instanceof GroupFeed) this.#feeds.delete(of);
    else this.#resting.delete(of);
  }

  /** Places all resting sessions at this entry, and ends a pass that is under way. */
  standAt(top: Seq, topId: MessageId): void {
    this.#spreadTo = top;
    this.#spreadToId = topId;
    this.#unspread = undefined;
  }

  /** The position of the sessions that rest now. A pass under way has not visited them yet. */
  restingAt(): Cursor {
    return this.#unspread === undefined ? { seq: this.#spreadTo, id: this.#spreadToId } : this.#rested;
  }

  /**
   * The store has lost entries that were sent. Each session finds out where it goes on. @param before an
   * answer of `restingAt`
   */
  break(before: Cursor): void {
    const resting = [...this.#resting];
    this.#resting.clear();
    void inSlices([...this.#feeds], (feed) => feed.break()).then(() =>
      inSlices(resting, (sink) => this.#wake(sink, before)?.break()),
    );
  }

  end(): void {
    this.#ended = true;
  }

  /**
   * Gives all new entries to one session after the other in a pass, so that memory is read once for all. The
   * pass is cut into slices. Entries that come meanwhile belong to the next pass. When too many come, the
   * pass is finished at once, so that no session falls behind the memory of this log.
   */
  spread(): void {
    if (this.#log.top - this.#spreadTo >= GATHERED) {
      while (this.#giveNext());
      this.#beginPass();
    }
    if (this.#spreads) return;
    this.#spreads = true;
    setImmediate(this.#spreadOn);
  }

  #beginPass(): void {
    this.#spreadPiece = this.#pieceAfter(this.#spreadTo);
    this.#rested = { seq: this.#spreadTo, id: this.#spreadToId };
    this.#spreadTo = this.#log.top;
    this.#spreadToId = this.#log.topId;
    this.#unspread = this.#feeds.values();
  }

  #spreadSlice(): void {
    const slice = new Slice();
    do {
      if (this.#unspread === undefined && (this.#log.top === this.#spreadTo || this.#ended)) {
        this.#spreads = false;
        return;
      }
      if (this.#unspread === undefined) this.#beginPass();
      this.#giveNext();
    } while (!slice.over);
    setImmediate(this.#spreadOn);
  }

  /**
   * Wakes the next resting session, or gives the next feed of the pass its piece. False at the end of the
   * pass.
   */
  #giveNext(): boolean {
    if (this.#resting.size > 0 && this.#unspread !== undefined) {
      for (const resting of this.#resting) {
        this.#resting.delete(resting);
        this.#wake(resting, this.#rested);
        return true;
      }
    }
    const feed = this.#unspread?.next().value;
    if (feed === undefined) this.#unspread = undefined;
    else if (this.#spreadPiece === undefined) feed.resume();
    else feed.offer(this.#spreadPiece);
    return feed !== undefined;
  }

  /**
   * All entries after `seq` as one piece. Undefined when there is none, when they are too many, or when one
   * of them ends a membership.
   */
  #pieceAfter(seq: Seq): SharedPiece | undefined {
    if (seq + 1 === this.#log.top) return this.#log.piece(this.#log.top);
    const entries: Entry[] = [];
    let bytes = 0;
    for (let next = seq + 1; next <= this.#log.top; next++) {
      const piece = this.#log.piece(next);
      bytes += AROUND_BYTES + (piece?.contentBytes ?? Infinity);
      if (piece === undefined || bytes > PIECE_BYTES || piece.leavers !== undefined) return undefined;
      entries.push(...piece.entries);
    }
    const [first, ...more] = entries;
    return first && new SharedPiece(this.#log.group, first, ...more);
  }

  /** Gives a session that rested at `at` a feed again; undefined when the session has ended meanwhile. */
  #wake(sink: FeedSink, { seq, id }: Cursor): GroupFeed | undefined {
    const feed = this.follow((seq + 1) as Seq, id, sink);
    if (sink.woken(this.#log.group, feed)) return feed;
    this.#feeds.delete(feed);
    return undefined;
  }
}
