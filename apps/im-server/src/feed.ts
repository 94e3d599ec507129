/**
 * One stream as one session follows it: entries go out in order, each once, whatever order the pushes come in.
 * What is missing is read from the log; what the client has not acked is bounded, and the log waits for the rest.
 */
import { entryId } from '@cim/delivery';
import type { Seq, StreamRef } from '@cim/protocol';
import type { Cursor, Entry, Streams } from '@cim/store';
import type { SharedFrame } from './shared-frame.ts';

/** A pushed entry that is ahead waits this long for those before it, in ms; then the log is read. */
const REORDER_MS = 20;
const REORDER_ENTRIES = 32;
const READ_ENTRIES = 64;
/** After a store that did not answer, in ms. */
const RETRY_MS = 1_000;
const WINDOW_ENTRIES = 256;
const WINDOW_BYTES = 256 * 1024;

/** What a feed needs of its session. */
export interface FeedSink {
  /** Whether an entry may be written now: the server serves, the channel is open and drains. */
  ready(): boolean;
  /** `shared` is set when the entry was pushed to a group. */
  write(feed: Feed, entry: Entry, shared: SharedFrame | undefined): void;
  /** Entries that were trimmed before they could be sent. */
  expired(feed: Feed, from: Seq, to: Seq): void;
}

export class Feed {
  readonly stream: StreamRef;
  readonly #streams: Streams;
  readonly #sink: FeedSink;
  /** The entry that goes out next. */
  #next: Seq;
  #reading = false;
  /** There may be entries in the log from `#next` on. */
  #behind = false;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;
  #early: Map<Seq, SharedFrame | Entry> | undefined;
  /** Written and not acked, ascending. */
  #sent: { readonly cursor: Cursor; readonly bytes: number }[] = [];
  #sentBytes = 0;

  constructor(stream: StreamRef, next: Seq, streams: Streams, sink: FeedSink) {
    this.stream = stream;
    this.#next = next;
    this.#streams = streams;
    this.#sink = sink;
  }

  get next(): Seq {
    return this.#next;
  }

  /** A push. */
  offer(pushed: Entry | SharedFrame): void {
    const entry = 'entry' in pushed ? pushed.entry : pushed;
    if (this.#ended || entry.seq < this.#next) return;
    if (entry.seq > this.#next || this.#reading || !this.#writable()) {
      this.#keep(entry.seq, pushed);
      return;
    }
    this.#write(pushed);
    this.#writeEarly();
  }

  /** There may be something in the log. */
  wake(): void {
    this.#behind = true;
    this.resume();
  }

  /** The sink is ready again, or the window has opened. */
  resume(): void {
    if (this.#behind && !this.#reading && this.#writable()) void this.#read();
  }

  /** All up to `seq` is the client's. Answers the cursor to keep, if it moved; `unsent` for what never went out. */
  ack(seq: Seq): Cursor | 'unsent' | undefined {
    if (seq >= this.#next) return 'unsent';
    let acked = 0;
    let cursor: Cursor | undefined;
    for (; acked < this.#sent.length; acked++) {
      const sent = this.#sent[acked];
      if (sent === undefined || sent.cursor.seq > seq) break;
      this.#sentBytes -= sent.bytes;
      cursor = sent.cursor;
    }
    if (acked > 0) {
      this.#sent = this.#sent.slice(acked);
      this.resume();
    }
    return cursor;
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#early = undefined;
  }

  #writable(): boolean {
    return (
      !this.#ended &&
      this.#sent.length < WINDOW_ENTRIES &&
      this.#sentBytes < WINDOW_BYTES &&
      this.#sink.ready()
    );
  }

  #write(item: Entry | SharedFrame): void {
    const shared = 'entry' in item ? item : undefined;
    const entry = 'entry' in item ? item.entry : item;
    this.#next = (entry.seq + 1) as Seq;
    const bytes = entry.content.length + 64;
    this.#sent.push({ cursor: { seq: entry.seq, id: entryId(entry) }, bytes });
    this.#sentBytes += bytes;
    this.#sink.write(this, entry, shared);
  }

  #keep(seq: Seq, pushed: Entry | SharedFrame): void {
    this.#behind = true;
    if (this.#reading || !this.#writable()) return;
    this.#early ??= new Map();
    if (this.#early.size < REORDER_ENTRIES) this.#early.set(seq, pushed);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.resume();
    }, REORDER_MS);
  }

  #writeEarly(): void {
    const early = this.#early;
    if (early === undefined) return;
    for (let item = early.get(this.#next); item !== undefined; item = early.get(this.#next)) {
      if (!this.#writable()) return;
      early.delete(this.#next);
      this.#write(item);
    }
    if (early.size > 0) return;
    // Nothing was missing after all.
    this.#early = undefined;
    this.#behind = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #read(): Promise<void> {
    this.#reading = true;
    this.#early = undefined;
    let failed = false;
    try {
      while (this.#behind && this.#writable()) {
        this.#behind = false;
        const entries = await this.#streams.read(this.stream, this.#next, READ_ENTRIES);
        for (const entry of entries) {
          if (!this.#writable()) {
            this.#behind = true;
            break;
          }
          if (entry.seq < this.#next) continue;
          if (entry.seq > this.#next) this.#sink.expired(this, this.#next, (entry.seq - 1) as Seq);
          this.#write(entry);
        }
        // One that found something looks again: more may be there, or was pushed meanwhile.
        if (entries.length > 0) this.#behind = true;
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
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.resume();
    }, RETRY_MS);
  }
}
