import {
  type InstanceId,
  messageId,
  type ProducerId,
  type Seq,
  type StreamRef,
  streamName,
  type UserId,
} from '@cim/protocol';
import {
  type Append,
  type AppendAnswer,
  type Cursor,
  type Entry,
  entryId,
  type Position,
  PRODUCER_TURN_MS,
  RETENTION,
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
const NOTHING = new Uint8Array();

type Admission =
  | { readonly answer: AppendAnswer }
  | { readonly before: StreamRecord; readonly after: StreamRecord };

export class EmbeddedStreams implements Streams {
  readonly kept = this;
  readonly #ledger: Ledger;
  readonly #now: () => number;
  /** Key: instance, then stream name. Removed when taken; it needs no disk, since a new process is a new instance. */
  readonly #dirty = new Map<InstanceId, Map<string, StreamRef>>();
  readonly #uncertain = new UncertainSends();
  /** Old entries that appends have removed since the last batch ended. */
  #trims = 0;

  constructor(ledger: Ledger, now: () => number) {
    this.#ledger = ledger;
    this.#now = now;
  }

  append(item: Append, done: (answer: AppendAnswer) => void): void {
    let answer: AppendAnswer;
    try {
      if (item.counter > 0) answer = this.#appendCounted(item);
      else if (item.rememberMs !== undefined) answer = this.#appendKeyed(item, item.rememberMs);
      else answer = this.#appendOwn(item);
    } catch (cause) {
      setImmediate(done, { outcome: 'retry', cause });
      return;
    }
    // Whatever the answer is: it may rest on what is on its way to the disk.
    this.#ledger.onCommit((error) => {
      this.#trims = 0;
      if (isOwn(item)) this.#ownEnded(item, answer, error);
      done(error === undefined ? answer : { outcome: 'retry', cause: error });
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
  ): Promise<number[]> {
    const committed = <T>(key: Key<T>): T | undefined => this.#ledger.committed(key);
    return promised(() =>
      of.map(({ stream, producer }) => this.#producer(stream, sender, producer, committed)?.counter ?? 0),
    );
  }

  cursor(user: UserId, stream: StreamRef): Promise<Cursor | undefined> {
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
    return { first, top, topId };
  }

  #appendCounted(item: Append): AppendAnswer {
    const { stream, sender, producer, counter, digest } = item;
    const last = this.#producer(stream, sender.userId, producer, (key) => this.#ledger.get(key));
    const lastCounter = last?.counter ?? 0;
    if (!(counter >= 1 && counter <= lastCounter + 1)) return { outcome: 'gap', last: lastCounter };
    if (last !== undefined && counter <= lastCounter)
      return counter === lastCounter && last.digest !== digest
        ? { outcome: 'conflict' }
        : { outcome: 'duplicate', seq: last.seq };
    return this.#appendNew(item);
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

  /** The batch that it was in is on disk, or has failed. */
  #ownEnded({ sender, producer }: Append, answer: AppendAnswer, error: Error | undefined): void {
    if (error === undefined && this.#uncertain.none) return;
    const id = messageId(sender.userId, producer, 0);
    if (error === undefined) this.#uncertain.remove(id);
    else if ('seq' in answer) this.#uncertain.add(id, answer.seq, this.#now());
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
    const after = trimmed(this.#ledger, before, { acked, now: this.#now(), steps, coming: 1 });
    this.#trims += after.first - before.first;
    if (stream.kind === 'group') return { before, after };
    if (this.#ledger.get(accountKey(stream.user)) === undefined) return { answer: { outcome: 'unknown' } };
    const waiting = after.top - Math.max(acked, after.first - 1);
    const waitingBytes = after.bytes - after.settledBytes;
    if (waiting >= RETENTION.maxEntries || waitingBytes + content.length > RETENTION.inboxUnackedBytes)
      return { answer: { outcome: 'full' } };
    return { before, after };
  }

  #write(item: Append, before: StreamRecord, after: StreamRecord): Extract<AppendAnswer, { outcome: 'ok' }> {
    const { stream, sender, producer, counter, digest, content } = item;
    const seq = (after.top + 1) as Seq;
    const prev = after.topId;
    const last = producerOfTop(after);
    if (last !== undefined && !(counter > 0 && last.sender === sender.userId && last.producer === producer))
      this.#ledger.put(producerKey(this.#turn(), stream, last.sender, last.producer), last.record);
    const storedAt = this.#now();
    const bytes = after.bytes + content.length;
    writeTrim(this.#ledger, before, after);
    const row = encodeRow({ seq, prev, storedAt, sender, producer, counter, content }, bytes);
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
    });
    return { outcome: 'ok', seq, prev, storedAt, wire: wireOf(row) };
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
    stream: StreamRef,
    sender: UserId,
    producer: ProducerId,
    look: <T>(key: Key<T>) => T | undefined,
  ): ProducerRecord | undefined {
    const last = producerOfTop(look(streamKey(stream)) ?? emptyStream(stream));
    if (last?.sender === sender && last.producer === producer) return last.record;
    const turn = this.#turn();
    return (
      look(producerKey(turn, stream, sender, producer)) ??
      look(producerKey(turn - 1, stream, sender, producer))
    );
  }

  #turn(): number {
    return Math.floor(this.#now() / PRODUCER_TURN_MS);
  }
}

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
