import { cim, type MessageId, messageId, type ProducerId, type Seq, type StreamRef, type UserId } from '@cim/protocol';
import {
  type Append,
  type AppendAnswer,
  type Cursor,
  type Entry,
  type Position,
  PRODUCER_TURN_MS,
  RETENTION,
  type Streams,
} from '../streams.ts';
import { key } from './keys.ts';
import type { Ledger } from './ledger.ts';

/** A read answers about this many bytes at most. */
const READ_BYTES = 256 * 1024;
/** Trimmed entries go in steps, so that a commit stays small. */
const TRIM_STEP = 16;

interface StreamState extends Readonly<Record<string, unknown>> {
  readonly first: Seq;
  readonly top: Seq;
  readonly topId: MessageId;
  /** Content bytes of all entries ever, and those up to the acked cursor: their difference is what is unacked. */
  readonly bytes: number;
  readonly ackedBytes: number;
}

interface ProducerState extends Readonly<Record<string, unknown>> {
  readonly counter: number;
  readonly seq: Seq;
  readonly digest: string;
  /** Of a keyed send: when it is forgotten, in ms. */
  readonly until?: number;
}

const EMPTY: StreamState = { first: 1 as Seq, top: 0 as Seq, topId: '' as MessageId, bytes: 0, ackedBytes: 0 };

export class EmbeddedStreams implements Streams {
  readonly #ledger: Ledger;
  readonly #now: () => number;

  constructor(ledger: Ledger, now: () => number) {
    this.#ledger = ledger;
    this.#now = now;
  }

  append(item: Append, done: (answer: AppendAnswer) => void): void {
    let answer: AppendAnswer;
    try {
      answer = item.counter === 0 ? this.#appendKeyed(item) : this.#appendCounted(item);
    } catch (cause) {
      setImmediate(done, { outcome: 'retry', cause });
      return;
    }
    // A duplicate waits too: what it repeats may be on its way to the disk.
    this.#ledger.onCommit((error) => done(error === undefined ? answer : { outcome: 'retry', cause: error }));
  }

  async read(stream: StreamRef, from: Seq, limit: number): Promise<Entry[]> {
    const rows = await this.#ledger.range(key.entry(stream, from), key.entriesEnd(stream), limit);
    const entries: Entry[] = [];
    let bytes = 0;
    for (const [, row] of rows) {
      bytes += row.length;
      if (entries.length > 0 && bytes > READ_BYTES) break;
      entries.push(decodeEntry(row));
    }
    return entries;
  }

  position(stream: StreamRef): Promise<Position> {
    const { first, top, topId } = this.#ledger.committed<StreamState>(key.stream(stream)) ?? EMPTY;
    return Promise.resolve({ first, top, topId });
  }

  counters(
    sender: UserId,
    of: readonly { readonly stream: StreamRef; readonly producer: ProducerId }[],
  ): Promise<number[]> {
    return Promise.resolve(of.map(({ stream, producer }) => this.#producer(stream, sender, producer)?.counter ?? 0));
  }

  cursor(user: UserId, stream: StreamRef): Promise<Cursor | undefined> {
    const stored = this.#ledger.get<{ seq: Seq; id: MessageId }>(key.cursor(user, stream));
    return Promise.resolve(stored === undefined ? undefined : { seq: stored.seq, id: stored.id });
  }

  async ack(acks: Parameters<Streams['ack']>[0]): Promise<void> {
    for (const { user, epoch, stream, cursor } of acks) {
      if ((this.#ledger.get<{ epoch: number }>(key.session(user))?.epoch ?? 0) !== epoch) continue;
      const before = this.#ledger.get<{ seq: Seq }>(key.cursor(user, stream))?.seq ?? 0;
      const state = this.#state(stream);
      if (cursor.seq <= before || cursor.seq > state.top) continue;
      this.#ledger.put(key.cursor(user, stream), { seq: cursor.seq, id: cursor.id });
      if (stream.kind !== 'inbox') continue;
      const ackedBytes =
        cursor.seq === state.top ? state.bytes : state.ackedBytes + (await this.#bytesOf(stream, before, cursor.seq));
      this.#ledger.put(key.stream(stream), { ...this.#state(stream), ackedBytes });
    }
    await this.#ledger.commit();
  }

  /** Forgets what may be forgotten: keyed sends that have expired, producers of two turns ago. */
  async sweep(): Promise<void> {
    const { gte, lt } = key.expiriesBefore(this.#now());
    for (const [expiry] of await this.#ledger.range(gte, lt, 10_000)) {
      const keyed = key.keyedOfExpiry(expiry);
      if ((this.#ledger.get<ProducerState>(keyed)?.until ?? 0) <= this.#now()) this.#ledger.delete(keyed);
      this.#ledger.deleteBytes(expiry);
    }
    await this.#ledger.commit();
    const old = key.producersBefore(this.#turn() - 1);
    await this.#ledger.clear(old.gte, old.lt);
  }

  #appendCounted(item: Append): AppendAnswer {
    const { stream, sender, producer, counter, digest } = item;
    const last = this.#producer(stream, sender.userId, producer);
    const lastCounter = last?.counter ?? 0;
    if (last !== undefined && counter === lastCounter && last.digest !== digest) return { outcome: 'conflict' };
    if (last !== undefined && counter <= lastCounter) return { outcome: 'duplicate', seq: last.seq };
    if (counter > lastCounter + 1) return { outcome: 'gap', last: lastCounter };
    const answer = this.#write(item);
    if (answer.outcome === 'ok')
      this.#ledger.put(key.producer(stream, this.#turn(), sender.userId, producer), { counter, seq: answer.seq, digest });
    return answer;
  }

  #appendKeyed(item: Append): AppendAnswer {
    const { stream, sender, producer, digest, rememberMs = 60_000 } = item;
    const keyed = key.keyed(stream, sender.userId, producer);
    const known = this.#ledger.get<ProducerState>(keyed);
    if (known !== undefined && (known.until ?? 0) > this.#now())
      return known.digest === digest ? { outcome: 'duplicate', seq: known.seq } : { outcome: 'conflict' };
    const answer = this.#write(item);
    if (answer.outcome === 'ok') {
      const until = this.#now() + rememberMs;
      this.#ledger.put(keyed, { counter: 0, seq: answer.seq, digest, until });
      this.#ledger.putBytes(key.expiry(until, keyed), new Uint8Array());
    }
    return answer;
  }

  #write(item: Append): AppendAnswer {
    const { stream, sender, producer, counter, content } = item;
    const state = this.#state(stream);
    let acked = state.top;
    if (stream.kind === 'inbox') {
      if (this.#ledger.get(key.account(stream.user)) === undefined) return { outcome: 'unknown' };
      acked = this.#ledger.get<{ seq: Seq }>(key.cursor(stream.user, stream))?.seq ?? (0 as Seq);
      const unackedBytes = state.bytes - state.ackedBytes;
      if (state.top - acked >= RETENTION.maxEntries || unackedBytes + content.length > RETENTION.inboxUnackedBytes)
        return { outcome: 'full' };
    }
    const seq = (state.top + 1) as Seq;
    const storedAt = this.#now();
    const prev = state.topId;
    this.#ledger.putBytes(
      key.entry(stream, seq),
      cim.Entry.encode({
        ...{ seq, prev, storedAt, producer, counter, content },
        ...{ sender: sender.userId, senderName: sender.userName },
      }).finish(),
    );
    let { first } = state;
    for (let i = 0; i < TRIM_STEP && seq - first + 1 > RETENTION.maxEntries && first <= acked; i++)
      this.#ledger.deleteBytes(key.entry(stream, first++ as Seq));
    const topId = messageId(sender.userId, producer, counter);
    this.#ledger.put(key.stream(stream), { ...state, first, top: seq, topId, bytes: state.bytes + content.length });
    return { outcome: 'ok', seq, prev, storedAt };
  }

  #state(stream: StreamRef): StreamState {
    return this.#ledger.get<StreamState>(key.stream(stream)) ?? EMPTY;
  }

  #producer(stream: StreamRef, sender: UserId, producer: ProducerId): ProducerState | undefined {
    const turn = this.#turn();
    return (
      this.#ledger.get<ProducerState>(key.producer(stream, turn, sender, producer)) ??
      this.#ledger.get<ProducerState>(key.producer(stream, turn - 1, sender, producer))
    );
  }

  #turn(): number {
    return Math.floor(this.#now() / PRODUCER_TURN_MS);
  }

  async #bytesOf(stream: StreamRef, after: number, upTo: Seq): Promise<number> {
    const limit = upTo - after;
    const rows = await this.#ledger.range(key.entry(stream, (after + 1) as Seq), key.entriesEnd(stream), limit);
    return rows.reduce((sum, [, row]) => sum + cim.Entry.decode(row).content.length, 0);
  }
}

function decodeEntry(row: Uint8Array): Entry {
  const wire = cim.Entry.decode(row);
  return {
    seq: wire.seq as Seq,
    prev: wire.prev as MessageId,
    storedAt: wire.storedAt,
    sender: { userId: wire.sender as UserId, userName: wire.senderName },
    producer: wire.producer as ProducerId,
    counter: wire.counter,
    content: wire.content,
  };
}
