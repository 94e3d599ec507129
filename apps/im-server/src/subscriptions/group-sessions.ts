/**
 * The sessions of one im-server that follow a group, and the pass that gives them what is new. A session that has acked
 * everything rests: it has no feed of its own until the next entry comes.
 */
import type { MessageId, Seq } from '@cim/protocol';
import type { Cursor, Entry, Streams } from '@cim/store';
import { inSlices, Slice } from '@cim/runtime';
import type { FeedSink } from './feed-sink.ts';
import { type FollowedLog, GroupFeed } from './group-feed.ts';
import { SharedPiece } from './shared-piece.ts';
import type { Timers } from './timers.ts';

/** Newest entries that the log of a group keeps in memory; those of a session whose window is full are among them. */
export const GROUP_LOG_KEEPS = 256;
/** New ones that wait for the end of the turn; as many are spread at once, so that all are in memory for all. */
const GATHERED = GROUP_LOG_KEEPS / 2;
/** Of several entries that go out as one, in bytes: less than what a channel still takes when it is nearly full. */
const PIECE_BYTES = 64 * 1024;
/** Of an entry beside its content, at most: names, ids and headers. */
const AROUND_BYTES = 328;

export class GroupSessions {
  readonly #log: FollowedLog;
  readonly #streams: Streams;
  readonly #timers: Timers;
  /** Sessions that follow and do not rest; each leaves when it ends. */
  readonly #feeds = new Set<GroupFeed>();
  /** Sessions that rest: each stands at `#spreadTo`. Removed when the session ends, or the next entry wakes it. */
  readonly #resting = new Set<FeedSink>();
  /** The pass over the sessions that is under way, or the last one, gives them everything up to this. */
  #spreadTo = -1 as Seq;
  #spreadToId = '' as MessageId;
  /** Where the sessions stand that rested when the pass began. */
  #rested: Cursor = { seq: 0 as Seq, id: '' as MessageId };
  /** What it gives them; undefined: each session finds out by itself. */
  #spreadPiece: SharedPiece | undefined;
  /** The sessions that it has not come to yet; undefined: none is under way. */
  #unspread: Iterator<GroupFeed, undefined> | undefined;
  #spreads = false;
  readonly #spreadOn = (): void => this.#spreadSlice();
  #ended = false;

  constructor(log: FollowedLog, streams: Streams, timers: Timers) {
    this.#log = log;
    this.#streams = streams;
    this.#timers = timers;
  }

  /** How many sessions follow. */
  get size(): number {
    return this.#feeds.size + this.#resting.size;
  }

  /** Everybody who follows. */
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

  /** A session follows from `next` on, after the entry `last`; '' when that is not known. */
  follow(next: Seq, last: MessageId, sink: FeedSink): GroupFeed {
    const feed = new GroupFeed(this.#log, next, last, sink, this.#streams, this.#timers);
    this.#feeds.add(feed);
    return feed;
  }

  /** A session whose newest entry is this one rests from now on. False: those that rest stand elsewhere. */
  restAt(seq: Seq, id: MessageId, sink: FeedSink): boolean {
    const { seq: spreadTo, id: spreadToId } = { seq: this.#spreadTo, id: this.#spreadToId };
    if (this.#log.top !== spreadTo || this.#unspread !== undefined || seq !== spreadTo) return false;
    if (id !== spreadToId || (id === '' && seq !== 0)) return false;
    this.#resting.add(sink);
    return true;
  }

  /** Whether the session of this feed rests now: it is caught up and has acked everything. */
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

  /** All that rest stand at this entry; a pass that is under way ends. */
  standAt(top: Seq, topId: MessageId): void {
    this.#spreadTo = top;
    this.#spreadToId = topId;
    this.#unspread = undefined;
  }

  /** Answers where the sessions stand that rest now: a pass that is under way has not come to them yet. */
  restingAt(): Cursor {
    return this.#unspread === undefined ? { seq: this.#spreadTo, id: this.#spreadToId } : this.#rested;
  }

  /** The store has lost entries that went out: each session finds out where it goes on. @param before as `restingAt` answered */
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
   * A pass over the sessions gives all new entries to one after the other: what each of them takes is fetched from memory
   * once. It is done in slices; what comes meanwhile is for the next pass. When too much comes, the pass is finished at
   * once, so that no session falls behind the memory of this log.
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

  /** Wakes the next session that rests, then gives the next session of the pass its piece; false at the end of the pass. */
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

  /** All after `seq` in one; undefined when there is nothing, or too much, or somebody leaves the group with one of them. */
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

  /** A session that rested at `at` has a feed again; undefined when it has ended meanwhile. */
  #wake(sink: FeedSink, { seq, id }: Cursor): GroupFeed | undefined {
    const feed = this.follow((seq + 1) as Seq, id, sink);
    if (sink.woken(this.#log.group, feed)) return feed;
    this.#feeds.delete(feed);
    return undefined;
  }
}
