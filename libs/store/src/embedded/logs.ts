import {
  copyProducer,
  inboxOf,
  messageId,
  ownerOf,
  type ProducerId,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import type { Append, Stored, StreamLimits } from '../streams.ts';
import { encodeRow, totalsOf, wireOf } from './entry-row.ts';
import { accountKey, entryKey, eventKey, type Key, producerKey, producersBefore, streamKey } from './keys.ts';
import type { EmbeddedBlocks } from './blocks.ts';
import type { EmbeddedEventFeed } from './event-feed.ts';
import type { Ledger } from './ledger.ts';
import { encodeRecord } from './record-bytes.ts';
import type { EventRecord, ProducerRecord, StreamRecord } from './records.ts';
import { emptyStream, trimmed, waitingOf, writeTrim } from './retention.ts';
import { Shares } from './shares.ts';

/** Most old entries that one append removes, so that no append takes long. */
const TRIM_STEPS = 16;
/**
 * After the appends of a batch have removed this many entries, each further one removes one: a thousand
 * appends may come at once.
 */
const TRIM_BATCH = 256;

/** The end of a log where an entry is added. `after`: the stream without its entries that are too old. */
interface Place {
  readonly before: StreamRecord;
  readonly after: StreamRecord;
}

/** The places for the entry of an append and for its copy. */
export interface Places {
  readonly log: Place;
  /**
   * The place in the sender's own inbox. Undefined when the append has no copy, or the inbox has no room for
   * it.
   */
  readonly copy: (Place & { readonly to: UserId }) | undefined;
}

/** The logs of streams: their entries, new entries, and how they forget entries and producers. */
export class Logs {
  readonly #ledger: Ledger;
  readonly #now: () => number;
  readonly #limits: StreamLimits;
  /** Old entries that appends have removed since the last batch ended. */
  #trims = 0;
  readonly #blocks: Pick<EmbeddedBlocks, 'has'>;
  readonly #feed: Pick<EmbeddedEventFeed, 'write' | 'tell'>;
  readonly #shares: Shares;

  constructor(
    ledger: Ledger,
    now: () => number,
    limits: StreamLimits,
    blocks: Pick<EmbeddedBlocks, 'has'>,
    feed: Pick<EmbeddedEventFeed, 'write' | 'tell'>,
  ) {
    this.#feed = feed;
    this.#ledger = ledger;
    this.#now = now;
    this.#limits = limits;
    this.#blocks = blocks;
    this.#shares = new Shares(ledger, limits.inboxShare);
  }

  batchEnded(): void {
    this.#trims = 0;
  }

  /** The record of a stream as last written, on disk or not. */
  state(stream: StreamRef): StreamRecord {
    return this.#ledger.get(streamKey(stream)) ?? emptyStream(stream);
  }

  /** @param get reads the written records, or those on disk */
  producer(
    state: StreamRecord,
    sender: UserId,
    producer: ProducerId,
    get: <T>(key: Key<T>) => T | undefined,
  ): ProducerRecord | undefined {
    const last = producerOfTop(state);
    if (last?.sender === sender && last.producer === producer) return last.record;
    const window = this.#window(state.top);
    return (
      get(producerKey(state.stream, window, sender, producer)) ??
      get(producerKey(state.stream, window - 1, sender, producer))
    );
  }

  /** Does all reading of an append, so that an append that fails has written nothing. */
  admit({ stream, sender, content }: Append): Places | 'unknown' | 'blocked' | 'full' | 'share' {
    const log = this.#place(stream);
    const owner = ownerOf(stream);
    if (owner === undefined) return { log, copy: undefined };
    if (this.#ledger.get(accountKey(owner)) === undefined) return 'unknown';
    if (this.#blocks.has(owner, sender.userId)) return 'blocked';
    const { after } = log;
    const waitingBytes = after.bytes - after.settledBytes;
    if (
      waitingOf(after) >= this.#limits.maxEntries ||
      waitingBytes + content.length > this.#limits.inboxUnackedBytes
    )
      return 'full';
    if (!this.#shares.admits(owner, sender.userId, after)) return 'share';
    if (owner === sender.userId) return { log, copy: undefined };
    const copy = this.#place(inboxOf(sender.userId));
    const { first, top } = copy.after;
    const hasRoom = top - first + 1 < 2 * this.#limits.maxEntries;
    return { log, copy: hasRoom ? { ...copy, to: owner } : undefined };
  }

  #place(stream: StreamRef): Place {
    const before = this.state(stream);
    const steps = this.#trims < TRIM_BATCH ? TRIM_STEPS : 1;
    const after = trimmed(this.#ledger, before, { now: this.#now(), steps, coming: 1, limits: this.#limits });
    this.#trims += after.first - before.first;
    return { before, after };
  }

  /**
   * Writes the entry of an append, or its copy. Nobody waits for a copy, and it does not count as unread.
   * @param storedAt when it is stored [ms]
   * @param copyTo the recipient of the message whose copy this is
   */
  write(item: Append, { before, after }: Place, storedAt: number, copyTo?: UserId): Stored {
    const { sender, counter, digest, content, silent, about } = item;
    const { stream, topId: prev } = after;
    const isCopy = copyTo !== undefined;
    const producer = isCopy ? copyProducer(item.producer, copyTo) : item.producer;
    const seq = (after.top + 1) as Seq;
    const bytes = isCopy ? after.bytes : after.bytes + content.length;
    const copies = isCopy ? after.copies + 1 : after.copies;
    const shows = !isCopy && silent !== true;
    const n = shows ? after.shown + 1 : after.shown;
    // Copies that came while entries waited are settled together with those.
    const isSettled = isCopy && waitingOf(after) <= 0;
    const isEvent = about !== undefined;
    const last = producerOfTop(after);
    if (last !== undefined && (isCopy || !isOfProducer(last, item)))
      this.#ledger.put(producerKey(stream, this.#window(after.top), last.sender, last.producer), last.record);
    writeTrim(this.#ledger, before, after);
    const owner = ownerOf(stream);
    if (!isCopy && owner !== undefined) this.#shares.wrote(owner, sender.userId, after);
    const entry = { seq, prev, storedAt, sender, producer, counter, content, n };
    const row = encodeRow(entry, { bytes, copies }, isEvent);
    this.#ledger.putRow(entryKey(stream, seq), row);
    if (!isCopy) this.#feed.write(stream, row);
    if (isEvent) this.#ledger.putRow(eventKey(stream, seq), encodeRecord({ about } satisfies EventRecord));
    // Each field by name: a spread with overrides costs V8 (Node 20) 1 µs, which here is once a text.
    this.#ledger.put(streamKey(stream), {
      stream,
      first: after.first,
      firstAt: after.first === seq ? storedAt : after.firstAt,
      top: seq,
      topId: messageId(sender.userId, producer, counter),
      // The recipient's log tells whether a send was stored before, so a copy needs no record of its
      // producer.
      topDigest: !isCopy && counter > 0 ? digest : undefined,
      bytes,
      copies,
      settled: isSettled ? seq : after.settled,
      settledBytes: isSettled ? bytes : after.settledBytes,
      settledCopies: isSettled ? copies : after.settledCopies,
      shown: n,
      shownSeq: shows ? seq : after.shownSeq,
      shownAt: shows ? storedAt : after.shownAt,
      lastEvent: isEvent ? seq : after.lastEvent,
      forgot: this.#forget(stream, seq) || after.forgot,
    });
    return { seq, prev, storedAt, n, wire: wireOf(row) };
  }

  /** Notes that the user of an inbox has acked entries: they no longer wait. */
  settle(stream: StreamRef, upTo: Seq): void {
    const state = this.state(stream);
    if (upTo <= state.settled) return;
    const row = upTo >= state.top ? undefined : this.#ledger.row(entryKey(stream, upTo));
    // The entry is lost, so the totals up to it are not known. The ack of a later entry settles it.
    if (upTo < state.top && row === undefined) return;
    const { bytes, copies } = row === undefined ? state : totalsOf(row);
    this.#ledger.put(streamKey(stream), {
      ...state,
      settled: upTo,
      settledBytes: bytes,
      settledCopies: copies,
    });
    const user = ownerOf(stream);
    const { settled, settledCopies } = state;
    // Nobody delivers the user's own messages to it.
    if (user !== undefined && upTo - settled > copies - settledCopies)
      this.#feed.tell('deliveries', {
        ...{ kind: 'delivered', user, first: (settled + 1) as Seq, last: upTo, at: this.#now() },
      });
  }

  /**
   * The window of a seq. Records of producers lie in windows of `producerEntries` entries; the present window
   * and the one before are remembered.
   */
  #window(seq: Seq): number {
    return Math.floor(seq / this.#limits.producerEntries);
  }

  /**
   * Whether the entry at `seq` makes the stream forget producers. Their records are removed once this is on
   * disk.
   */
  #forget(stream: StreamRef, seq: Seq): boolean {
    const window = this.#window(seq);
    if (window < 2 || seq % this.#limits.producerEntries !== 0) return false;
    this.#ledger.clearLater(producersBefore(stream, window - 1));
    return true;
  }
}

/**
 * Whether a counted send belongs to the producer of the newest entry. The record of that producer then stays
 * with the entry.
 */
const isOfProducer = (
  last: { readonly sender: UserId; readonly producer: ProducerId },
  { sender, producer, counter }: Append,
): boolean => counter > 0 && last.sender === sender.userId && last.producer === producer;

/**
 * The record of the producer of the newest entry, which the stream itself holds; undefined when that entry
 * was not counted.
 */
function producerOfTop({ top, topId, topDigest }: StreamRecord) {
  if (topDigest === undefined) return undefined;
  const [first, last] = [topId.indexOf(':'), topId.lastIndexOf(':')];
  const record: ProducerRecord = { counter: Number(topId.slice(last + 1)), seq: top, digest: topDigest };
  return {
    sender: Number(topId.slice(0, first)) as UserId,
    producer: topId.slice(first + 1, last) as ProducerId,
    record,
  };
}
