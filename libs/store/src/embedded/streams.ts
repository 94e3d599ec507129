import type { Logger } from '@cim/runtime';
import {
  type DeviceId,
  type InstanceId,
  messageId,
  type ProducerId,
  type Seq,
  type StreamRef,
  streamName,
  type UserId,
} from '@cim/protocol';
import { LRUCache } from 'lru-cache';
import { type Done, tell } from '../done.ts';
import { Duplicates, type Older } from '../duplicates.ts';
import { LogScans } from '../log-scans.ts';
import {
  type Append,
  type AppendAnswer,
  type Cursor,
  type Entry,
  entryId,
  type EventAt,
  type Position,
  type StreamLimits,
  type Streams,
} from '../streams.ts';
import { Slice } from '@cim/runtime';
import { decodeRow, encodeRow, totalOf, wireOf } from './entry-row.ts';
import {
  accountKey,
  cursorKey,
  entriesFrom,
  entryKey,
  expiryKey,
  type Key,
  keyedKey,
  producerKey,
  producersBefore,
  sessionKey,
  streamKey,
} from './keys.ts';
import type { Ledger } from './ledger.ts';
import { promised } from './promised.ts';
import type { ProducerRecord, StreamRecord } from './records.ts';
import { openOf } from './sessions.ts';
import { ackedOf, emptyStream, trimmed, writeTrim } from './retention.ts';
import { UncertainSends } from './uncertain-sends.ts';

/** A read answers about this many bytes at most. */
const READ_BYTES = 256 * 1024;
/** An append removes at most this many old entries, so that no append takes long. */
const TRIM_STEPS = 16;
/** Once the appends of a batch have removed so many, each further one removes one: a thousand come in one go. */
const TRIM_BATCH = 256;
/** First sends that were answered `unknown-producer` lately, and that may still be under way on another connection. */
const REFUSED_FIRSTS = 10_000;
const NOTHING = new Uint8Array();

type Admission =
  | { readonly answer: AppendAnswer }
  | { readonly before: StreamRecord; readonly after: StreamRecord };

export class EmbeddedStreams implements Streams {
  readonly kept = this;
  readonly #ledger: Ledger;
  readonly #now: () => number;
  readonly #logger: Logger;
  readonly #limits: StreamLimits;
  readonly #duplicates: Duplicates;
  /** Key: as `Duplicates` has it. It needs no disk: a new process has none of their connections. */
  readonly #refusedFirsts = new LRUCache<string, true>({ max: REFUSED_FIRSTS });
  /** Key: instance, then stream name. Removed when taken; it needs no disk, since a new process is a new instance. */
  readonly #dirty = new Map<InstanceId, Map<string, StreamRef>>();
  readonly #uncertain = new UncertainSends();
  /** Old entries that appends have removed since the last batch ended. */
  #trims = 0;

  constructor(ledger: Ledger, logger: Logger, now: () => number, limits: StreamLimits) {
    this.#ledger = ledger;
    this.#logger = logger;
    this.#now = now;
    this.#limits = limits;
    this.#duplicates = new Duplicates(new LogScans(this), logger);
  }

  append(item: Append, done: Done): void {
    let answer: AppendAnswer | Older;
    try {
      if (item.counter > 0) answer = this.#appendCounted(item);
      else if (item.rememberMs !== undefined) answer = this.#appendKeyed(item, item.rememberMs);
      else answer = this.#appendOwn(item);
    } catch (cause) {
      setImmediate(tell, done, { outcome: 'retry', cause }, this.#logger);
      return;
    }
    // Whatever the answer is: it may rest on what is on its way to the disk.
    this.#ledger.onCommit((error) => {
      this.#trims = 0;
      if (error !== undefined) {
        if (isOwn(item)) this.#ownFailed(item, answer);
        done({ outcome: 'retry', cause: error });
      } else if (answer.outcome === 'older') this.#duplicates.check(item, answer, done);
      else {
        if (isOwn(item)) this.#ownStored(item);
        done(answer);
      }
    });
  }

  async read(stream: StreamRef, from: Seq, limit: number): Promise<Entry[]> {
    const rows = await this.#ledger.rows(entriesFrom(stream, from), limit, READ_BYTES);
    return rows.map(([, row]) => decodeRow(row));
  }

  async peek(stream: StreamRef, from: Seq): Promise<Entry | undefined> {
    return (await this.read(stream, from, 1))[0];
  }

  position(stream: StreamRef): Promise<Position> {
    return promised(() => this.#position(stream));
  }

  positions(streams: readonly StreamRef[]): Promise<Position[]> {
    return promised(() => streams.map((stream) => this.#position(stream)));
  }

  counters(
    sender: UserId,
    of: readonly { readonly stream: StreamRef; readonly producer: ProducerId }[],
  ): Promise<(number | undefined)[]> {
    const committed = <T>(key: Key<T>): T | undefined => this.#ledger.committed(key);
    return promised(() =>
      of.map(({ stream, producer }) => {
        const state = committed(streamKey(stream)) ?? emptyStream(stream);
        const known = this.#producer(state, sender, producer, committed);
        return known?.counter ?? (hasForgotten(state) ? undefined : 0);
      }),
    );
  }

  events(): Promise<EventAt[]> {
    return Promise.resolve([]);
  }

  cursor(user: UserId, _device: DeviceId, stream: StreamRef): Promise<Cursor | undefined> {
    return this.highestCursor(user, stream);
  }

  highestCursor(user: UserId, stream: StreamRef): Promise<Cursor | undefined> {
    return promised(() => this.#ledger.committed(cursorKey(user, stream)));
  }

  async ack(acks: Parameters<Streams['ack']>[0]): Promise<void> {
    const slice = new Slice();
    for (const { user, epoch, stream, cursor } of acks) {
      if (slice.over) {
        await this.#ledger.commit();
        await slice.next();
      }
      const key = cursorKey(user, stream);
      const state = this.#state(stream);
      const session = this.#ledger.get(sessionKey(user));
      if (session?.epoch !== epoch && openOf(session)?.epoch !== epoch) continue;
      if (cursor.seq <= (this.#ledger.get(key)?.seq ?? 0) || cursor.seq > state.top) continue;
      if (stream.kind === 'inbox') this.#settle(state, cursor.seq);
      this.#ledger.put(key, { seq: cursor.seq, id: cursor.id });
    }
    await this.#ledger.commit();
  }

  markDirty(instance: InstanceId, stream: StreamRef): Promise<void> {
    return promised(() => {
      const dirty = this.#dirty.get(instance) ?? new Map<string, StreamRef>();
      this.#dirty.set(instance, dirty.set(streamName(stream), stream));
    });
  }

  takeDirty(instance: InstanceId): Promise<StreamRef[]> {
    return promised(() => {
      const dirty = this.#dirty.get(instance);
      this.#dirty.delete(instance);
      return dirty === undefined ? [] : [...dirty.values()];
    });
  }

  #position(stream: StreamRef): Position {
    const { first, top, topId } = this.#ledger.committed(streamKey(stream)) ?? emptyStream(stream);
    return { first, top, topId, shown: 0, shownSeq: 0 as Seq, shownAt: 0 };
  }

  #appendCounted(item: Append): AppendAnswer | Older {
    const { stream, sender, producer, counter, digest } = item;
    const state = this.#state(stream);
    const known = this.#producer(state, sender.userId, producer, (key) => this.#ledger.get(key));
    if (known === undefined)
      return counter > 1 || (hasForgotten(state) && this.#mayBeOld(item))
        ? { outcome: 'unknown-producer' }
        : this.#appendNew(item);
    const { counter: last, seq } = known;
    if (counter === last + 1) return this.#appendNew(item);
    if (!(counter <= last)) return { outcome: 'gap', last };
    if (counter < last) return { outcome: 'older', seq, last };
    return known.digest === digest ? { outcome: 'duplicate', seq } : { outcome: 'conflict' };
  }

  /** A first send that was sent before. After this answer it is not stored, wherever it is still under way. */
  #mayBeOld({ stream, sender, producer, again }: Append): boolean {
    const key = keyedKey(stream, sender.userId, producer);
    if (again !== true) return this.#refusedFirsts.get(key) === true;
    this.#refusedFirsts.set(key, true);
    return true;
  }

  #appendKeyed(item: Append, rememberMs: number): AppendAnswer {
    const { stream, sender, producer, digest } = item;
    const key = keyedKey(stream, sender.userId, producer);
    const known = this.#ledger.get(key);
    if (known !== undefined && known.until > this.#now())
      return known.digest === digest ? { outcome: 'duplicate', seq: known.seq } : { outcome: 'conflict' };
    const answer = this.#appendNew(item);
    if (answer.outcome !== 'ok') return answer;
    const until = this.#now() + rememberMs;
    this.#ledger.put(key, { seq: answer.seq, digest, until });
    this.#ledger.putRow(expiryKey(until, key), NOTHING);
    return answer;
  }

  #appendOwn(item: Append): AppendAnswer {
    const { stream, sender, producer } = item;
    if (!this.#uncertain.none) {
      const id = messageId(sender.userId, producer, 0);
      const seq = this.#uncertain.seqOf(id);
      const row = seq && this.#ledger.row(entryKey(stream, seq));
      if (seq !== undefined && row && entryId(decodeRow(row)) === id) return { outcome: 'duplicate', seq };
    }
    return this.#appendNew(item);
  }

  #ownStored({ sender, producer }: Append): void {
    if (!this.#uncertain.none) this.#uncertain.remove(messageId(sender.userId, producer, 0));
  }

  /** The batch that it was in has failed. */
  #ownFailed({ sender, producer }: Append, answer: AppendAnswer | Older): void {
    if ('seq' in answer) this.#uncertain.add(messageId(sender.userId, producer, 0), answer.seq, this.#now());
  }

  #appendNew(item: Append): AppendAnswer {
    const admission = this.#admit(item);
    return 'answer' in admission ? admission.answer : this.#write(item, admission.before, admission.after);
  }

  /** All reading of an append, so that one that fails has written nothing. `after`: without what has become too old. */
  #admit({ stream, content }: Append): Admission {
    const before = this.#state(stream);
    const acked = ackedOf(this.#ledger, before);
    const steps = this.#trims < TRIM_BATCH ? TRIM_STEPS : 1;
    const request = { acked, now: this.#now(), steps, coming: 1, limits: this.#limits };
    const after = trimmed(this.#ledger, before, request);
    this.#trims += after.first - before.first;
    if (stream.kind === 'group') return { before, after };
    if (this.#ledger.get(accountKey(stream.user)) === undefined) return { answer: { outcome: 'unknown' } };
    const waiting = after.top - Math.max(acked, after.first - 1);
    const waitingBytes = after.bytes - after.settledBytes;
    if (waiting >= this.#limits.maxEntries || waitingBytes + content.length > this.#limits.inboxUnackedBytes)
      return { answer: { outcome: 'full' } };
    return { before, after };
  }

  #write(item: Append, before: StreamRecord, after: StreamRecord): Extract<AppendAnswer, { outcome: 'ok' }> {
    const { stream, sender, producer, counter, digest, content } = item;
    const seq = (after.top + 1) as Seq;
    const prev = after.topId;
    const last = producerOfTop(after);
    if (last !== undefined && !(counter > 0 && last.sender === sender.userId && last.producer === producer))
      this.#ledger.put(producerKey(stream, this.#window(after.top), last.sender, last.producer), last.record);
    const storedAt = this.#now();
    const bytes = after.bytes + content.length;
    writeTrim(this.#ledger, before, after);
    const row = encodeRow({ seq, prev, storedAt, sender, producer, counter, content, n: 0 }, bytes);
    this.#ledger.putRow(entryKey(stream, seq), row);
    // Each field by name: a spread with others over it costs V8 (Node 20) 1 µs, here once a text.
    this.#ledger.put(streamKey(stream), {
      stream: after.stream,
      first: after.first,
      firstAt: after.first === seq ? storedAt : after.firstAt,
      top: seq,
      topId: messageId(sender.userId, producer, counter),
      topDigest: counter > 0 ? digest : undefined,
      bytes,
      settledBytes: after.settledBytes,
      forgot: this.#forget(stream, seq) || hasForgotten(after),
    });
    return { outcome: 'ok', seq, prev, storedAt, n: 0, wire: wireOf(row) };
  }

  /** What is acked no longer counts as waiting. */
  #settle(state: StreamRecord, upTo: Seq): void {
    const row = upTo === state.top ? undefined : this.#ledger.row(entryKey(state.stream, upTo));
    const total = upTo === state.top ? state.bytes : row === undefined ? 0 : totalOf(row);
    if (total > state.settledBytes)
      this.#ledger.put(streamKey(state.stream), { ...state, settledBytes: total });
  }

  #state(stream: StreamRef): StreamRecord {
    return this.#ledger.get(streamKey(stream)) ?? emptyStream(stream);
  }

  #producer(
    state: StreamRecord,
    sender: UserId,
    producer: ProducerId,
    look: <T>(key: Key<T>) => T | undefined,
  ): ProducerRecord | undefined {
    const last = producerOfTop(state);
    if (last?.sender === sender && last.producer === producer) return last.record;
    const window = this.#window(state.top);
    return (
      look(producerKey(state.stream, window, sender, producer)) ??
      look(producerKey(state.stream, window - 1, sender, producer))
    );
  }

  /** Records of producers lie in windows of so many entries; this one and the one before are remembered. */
  #window(seq: Seq): number {
    return Math.floor(seq / this.#limits.producerEntries);
  }

  /** Whether the entry at `seq` makes the stream forget producers. Their records are removed once that is on disk. */
  #forget(stream: StreamRef, seq: Seq): boolean {
    const window = this.#window(seq);
    if (window < 2 || seq % this.#limits.producerEntries !== 0) return false;
    this.#ledger.onCommit((error) => {
      if (error !== undefined) return;
      this.#ledger.clear(producersBefore(stream, window - 1)).catch((cause: unknown) => {
        this.#logger.warn({ err: cause }, 'store.sweep-failed');
      });
    });
    return true;
  }
}

/** An older version forgot by the clock, and did not note it. */
const hasForgotten = ({ top, forgot }: StreamRecord): boolean => forgot ?? top > 0;

/** The producer was made for this send. */
const isOwn = ({ counter, rememberMs }: Append): boolean => counter === 0 && rememberMs === undefined;

/** The record that a stream holds of the producer of its newest entry; undefined when that was not counted. */
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
