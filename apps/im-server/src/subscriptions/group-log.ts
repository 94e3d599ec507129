/**
 * A group's stream as this server follows it, once for all its sessions: where it stands, and the newest entries,
 * encoded for all and not for each. Pushes move it on; what is missing is read from the log, by it alone.
 * A session that has acked everything rests: it has no feed of its own until the next entry comes.
 */
import type { GroupId, MessageId, Seq, StreamRef } from '@cim/protocol';
import { groupStream } from '@cim/protocol';
import { type Cursor, type Entry, entryId, type Position, type Streams } from '@cim/store';
import { inSlices, Slice } from '@cim/runtime';
import type { FeedSink } from './feed-sink.ts';
import { type FollowedLog, GroupFeed } from './group-feed.ts';
import { SharedPiece } from './shared-piece.ts';
import { realTimers, type Timer, type Timers } from './timers.ts';
import { wentBack } from './went-back.ts';

/** Newest entries kept in memory; those of a session whose window is full are among them. */
const KEPT = 256;
const REORDER_MS = 20;
const REORDER_ENTRIES = 256;
const READ_ENTRIES = 64;
const RETRY_MS = 1_000;
/** New ones that wait for the end of the turn; as many are spread at once, so that all are in memory for all. */
const GATHERED = KEPT / 2;
/** Of several entries that go out as one, in bytes: less than what a channel still takes when it is nearly full. */
const PIECE_BYTES = 64 * 1024;
/** Of an entry beside its content, at most: names, ids and headers. */
const AROUND_BYTES = 328;
/** Told that there may be something new, it looks at most this often, in ms. */
const LOOK_MS = 100;

export class GroupLog implements FollowedLog {
  readonly stream: StreamRef;
  readonly group: GroupId;
  readonly #streams: Streams;
  readonly #timers: Timers;
  readonly #onUnused: (log: GroupLog) => void;
  /** Sessions that follow and do not rest; each leaves when it ends. */
  readonly #feeds = new Set<GroupFeed>();
  /** Sessions that rest: each stands at `#spreadTo`. Removed when the session ends, or the next entry wakes it. */
  readonly #resting = new Set<FeedSink>();
  /** Sessions that are about to follow. */
  #reserved = 0;
  /** The newest, by seq modulo `KEPT`; those above `#top - KEPT` and from `#first` on are what they seem. Made for the first entry. */
  #ring: (SharedPiece | undefined)[] | undefined;
  /** Oldest seq in the ring. */
  #first = 1 as Seq;
  /** Newest seq that is known; -1 until a session follows. */
  #top = -1 as Seq;
  #topId = '' as MessageId;
  /** Something was rung for before a session followed. */
  #missed = false;
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
  }

  /** A session follows this log from now on, beginning at `next`, after the entry `last`; '' when that is not known. */
  follow(next: Seq, last: MessageId, sink: FeedSink): GroupFeed {
    const feed = this.#feed(next, last, sink);
    // The first one begins where it stands: nobody here needs what was before.
    if (this.#top < 0) this.#begin((next - 1) as Seq, last);
    this.look();
    return feed;
  }

  /**
   * The same for a session that has all that the log had, and has acked it: it rests until the next entry comes. False:
   * it does not follow yet, because this log stands elsewhere.
   */
  restAt(next: Seq, last: MessageId, sink: FeedSink): boolean {
    if (this.#top < 0) this.#begin((next - 1) as Seq, last);
    if (!this.#restsAt((next - 1) as Seq, last)) return false;
    this.#resting.add(sink);
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
    if (of instanceof GroupFeed) this.#feeds.delete(of);
    else this.#resting.delete(of);
    this.#leaveIfUnused();
  }

  /** Whether the session of this feed rests now: it is caught up and has acked everything. */
  rest(feed: GroupFeed, sink: FeedSink): boolean {
    const { seq, id } = feed.last;
    if (!this.#restsAt(seq, id)) return false;
    this.#feeds.delete(feed);
    this.#resting.add(sink);
    return true;
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

  /** How many sessions follow. */
  get followers(): number {
    return this.#feeds.size + this.#resting.size;
  }

  /** Gives up the entries in memory when every session has them. */
  forget(): void {
    if (this.#feeds.size > 0 || this.#top !== this.#spreadTo) return;
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
    return seq >= this.#first && seq <= this.#top ? this.#ring?.[seq % KEPT] : undefined;
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
    this.#spreadTo = top;
    this.#spreadToId = topId;
    this.#unspread = undefined;
    this.#first = (top + 1) as Seq;
    this.#early = undefined;
  }

  /** The store has lost entries that went out: each session finds out where it goes on. */
  #break(position: Position): void {
    const resting = [...this.#resting];
    this.#resting.clear();
    const at: Cursor = { seq: this.#spreadTo, id: this.#spreadToId };
    // A pass that is under way has not come to these yet.
    const before = this.#unspread === undefined ? at : this.#rested;
    this.#begin(position.top, position.topId);
    void inSlices([...this.#feeds], (feed) => feed.break()).then(() =>
      inSlices(resting, (sink) => this.#wake(sink, before)?.break()),
    );
  }

  #feed(next: Seq, last: MessageId, sink: FeedSink): GroupFeed {
    const feed = new GroupFeed(this, next, last, sink, this.#streams, this.#timers);
    this.#feeds.add(feed);
    return feed;
  }

  /** A session that rested at `at` has a feed again; undefined when it has ended meanwhile. */
  #wake(sink: FeedSink, { seq, id }: Cursor): GroupFeed | undefined {
    const feed = this.#feed((seq + 1) as Seq, id, sink);
    if (sink.woken(this.group, feed)) return feed;
    this.#feeds.delete(feed);
    return undefined;
  }

  /** Whether a session with this newest entry is where all stand that rest. */
  #restsAt(seq: Seq, id: MessageId): boolean {
    const { seq: spreadTo, id: spreadToId } = { seq: this.#spreadTo, id: this.#spreadToId };
    if (this.#top !== spreadTo || this.#unspread !== undefined || seq !== spreadTo) return false;
    return id === spreadToId && (id !== '' || seq === 0);
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
    this.#ring ??= new Array<SharedPiece | undefined>(KEPT);
    this.#ring[seq % KEPT] = piece;
    this.#top = seq;
    this.#topId = piece.id;
    if (seq - this.#first >= KEPT) this.#first = (seq - KEPT + 1) as Seq;
    this.#spread();
    return true;
  }

  /**
   * A pass over the sessions gives all new entries to one after the other: what each of them takes is fetched from memory
   * once. It is done in slices; what comes meanwhile is for the next pass. When too much comes, the pass is finished at
   * once, so that no session falls behind the memory of this log.
   */
  #spread(): void {
    if (this.#top - this.#spreadTo >= GATHERED) {
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
    this.#spreadTo = this.#top;
    this.#spreadToId = this.#topId;
    this.#unspread = this.#feeds.values();
  }

  #spreadSlice(): void {
    const slice = new Slice();
    do {
      if (this.#unspread === undefined && (this.#top === this.#spreadTo || this.#ended)) {
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
    if (seq + 1 === this.#top) return this.piece(this.#top);
    const entries: Entry[] = [];
    let bytes = 0;
    for (let next = seq + 1; next <= this.#top; next++) {
      const piece = this.piece(next);
      bytes += AROUND_BYTES + (piece?.contentBytes ?? Infinity);
      if (piece === undefined || bytes > PIECE_BYTES || piece.leavers !== undefined) return undefined;
      entries.push(...piece.entries);
    }
    const [first, ...more] = entries;
    return first && new SharedPiece(this.group, first, ...more);
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
