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
import { policyOf } from '../stream-policy.ts';
import { Duplicates, type Older } from '../duplicates.ts';
import { LogScans } from '../log-scans.ts';
import {
  type Append,
  type AppendAnswer,
  type Cursor,
  type Done,
  type Entry,
  entryId,
  type EventAt,
  type Position,
  type StreamLimits,
  type Streams,
  tell,
} from '../streams.ts';
import { Slice } from '@cim/runtime';
import { decodeRow } from './entry-row.ts';
import {
  cursorKey,
  entriesFrom,
  entryKey,
  eventsFrom,
  expiryKey,
  type Key,
  keyedKey,
  nameOfRow,
  sessionKey,
  streamKey,
} from './keys.ts';
import type { EmbeddedBlocks } from './blocks.ts';
import type { EmbeddedEventFeed } from './event-feed.ts';
import type { EmbeddedGroups } from './groups.ts';
import type { Ledger } from './ledger.ts';
import { Logs } from './logs.ts';
import { promised } from './promised.ts';
import { decodeRecord } from './record-bytes.ts';
import type { CursorRecord, EventRecord, StreamRecord } from './records.ts';
import { devicesOf, openOf } from './device-records.ts';
import { emptyStream } from './retention.ts';
import { UncertainSends } from './uncertain-sends.ts';

/** Approximate bytes that a read answers at most. */
const READ_BYTES = 256 * 1024;
/** Rows of the index of events that one read answers at most. */
const EVENTS_AT_ONCE = 1_000;
/**
 * Remembered producers with a send that was not stored lately and may still be under way on another
 * connection.
 */
const ENDED_PRODUCERS = 10_000;
const NOTHING = new Uint8Array();

export class EmbeddedStreams implements Streams {
  readonly kept = this;
  readonly #ledger: Ledger;
  readonly #now: () => number;
  readonly #logger: Logger;
  readonly #logs: Logs;
  readonly #groups: EmbeddedGroups;
  readonly #duplicates: Duplicates;
  /**
   * Key: as `keyedKey` has it. Value: the counter from which on nothing of the producer is stored any more. It
   * is in memory: a new process has no connections of these producers. Bounded by size.
   */
  readonly #ended = new LRUCache<string, number>({ max: ENDED_PRODUCERS });
  /**
   * Key: instance, then stream name. Removed when taken. It is in memory, since a new process is a new
   * instance.
   */
  readonly #dirty = new Map<InstanceId, Map<string, StreamRef>>();
  readonly #uncertain = new UncertainSends();

  constructor(
    ledger: Ledger,
    logger: Logger,
    now: () => number,
    limits: StreamLimits,
    groups: EmbeddedGroups,
    blocks: Pick<EmbeddedBlocks, 'has'>,
    feed: Pick<EmbeddedEventFeed, 'write' | 'tell'>,
  ) {
    this.#groups = groups;
    this.#ledger = ledger;
    this.#logger = logger;
    this.#now = now;
    this.#logs = new Logs(ledger, now, limits, blocks, feed);
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
    // Waits for the disk whatever the answer is: it may be based on data that is not on disk yet.
    this.#ledger.onCommit((error) => {
      this.#logs.batchEnded();
      if (error !== undefined) {
        if (isOwn(item)) this.#ownFailed(item, answer);
        done({ outcome: 'retry', cause: error });
        return;
      }
      const followers = this.#groups.followersOf(item.stream);
      const answered =
        followers === undefined ? done : (found: AppendAnswer) => done(withFollowers(found, followers));
      if (answer.outcome === 'older') this.#duplicates.check(item, answer, answered);
      else {
        if (isOwn(item)) this.#ownStored(item);
        answered(answer);
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
        const state = this.#committed(stream);
        const known = this.#logs.producer(state, sender, producer, committed);
        return known?.counter ?? (state.forgot ? undefined : 0);
      }),
    );
  }

  async events(stream: StreamRef, from: Seq): Promise<EventAt[]> {
    const { first, lastEvent } = this.#committed(stream);
    const events: EventAt[] = [];
    const slice = new Slice();
    for (let next = Math.max(from, first) as Seq; next <= lastEvent; ) {
      const rows = await this.#ledger.rows(eventsFrom(stream, next), EVENTS_AT_ONCE, READ_BYTES);
      for (const [key, row] of rows) {
        const seq = nameOfRow(key).seq as Seq;
        events.push({ seq, about: (decodeRecord(row) as EventRecord).about });
      }
      const last = events.at(-1);
      if (rows.length === 0 || last === undefined) break;
      next = (last.seq + 1) as Seq;
      if (slice.over) await slice.next();
    }
    return events;
  }

  cursor(user: UserId, device: DeviceId, stream: StreamRef): Promise<Cursor | undefined> {
    return promised(() => ownCursor(this.#ledger.committed(cursorKey(user, stream)), device));
  }

  highestCursor(user: UserId, stream: StreamRef): Promise<Cursor | undefined> {
    return promised(() => plainCursor(this.#ledger.committed(cursorKey(user, stream))));
  }

  async ack(acks: Parameters<Streams['ack']>[0]): Promise<void> {
    const slice = new Slice();
    for (const { user, device, epoch, stream, cursor } of acks) {
      if (slice.over) {
        await this.#ledger.commit();
        await slice.next();
      }
      const key = cursorKey(user, stream);
      const { top } = this.#logs.state(stream);
      const sessions = devicesOf(this.#ledger.get(sessionKey(user)));
      const session = sessions.find((of) => of.device === device);
      if (session?.epoch !== epoch && openOf(session)?.epoch !== epoch) continue;
      const before = this.#ledger.get(key);
      if (cursor.seq <= (ownCursor(before, device)?.seq ?? 0) || cursor.seq > top) continue;
      if (policyOf(stream).settledWhen === 'acked') this.#logs.settle(stream, cursor.seq);
      const highest = before === undefined || cursor.seq > before.seq ? cursor : before;
      // Cursors of devices that have no record any more are removed too.
      const others = (before?.devices ?? []).filter(
        (of) => of.device !== device && sessions.some((record) => record.device === of.device),
      );
      const devices = [...others, { device, seq: cursor.seq, id: cursor.id }];
      this.#ledger.put(key, { seq: highest.seq, id: highest.id, devices });
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
    const { first, top, topId, shown, shownSeq, shownAt } = this.#committed(stream);
    return { first, top, topId, shown, shownSeq, shownAt };
  }

  #committed(stream: StreamRef): StreamRecord {
    return this.#ledger.committed(streamKey(stream)) ?? emptyStream(stream);
  }

  #appendCounted(item: Append): AppendAnswer | Older {
    const { stream, sender, producer, counter, digest } = item;
    const state = this.#logs.state(stream);
    const known = this.#logs.producer(state, sender.userId, producer, (key) => this.#ledger.get(key));
    if (this.#hasEnded(item)) return { outcome: 'unknown-producer' };
    if (known === undefined) {
      if (counter === 1 && !(state.forgot && item.again === true)) return this.#appendNext(item);
      if (counter === 1) this.#endProducer(item);
      return { outcome: 'unknown-producer' };
    }
    const { counter: last, seq } = known;
    if (counter === last + 1) return this.#appendNext(item);
    if (!(counter <= last)) return { outcome: 'gap', last };
    if (counter < last) return { outcome: 'older', seq, last };
    return known.digest === digest ? { outcome: 'duplicate', seq } : { outcome: 'conflict' };
  }

  /**
   * Appends, and ends the producer of a repeated send that is refused. Such a send may still be under way on
   * another connection, with others behind it, while its sender goes on under another producer. So none of
   * them may be stored after this answer.
   */
  #appendNext(item: Append): AppendAnswer {
    const answer = this.#appendNew(item);
    if (item.again === true && isRefusal(answer)) this.#endProducer(item);
    return answer;
  }

  #endProducer({ stream, sender, producer, counter }: Append): void {
    this.#ended.set(keyedKey(stream, sender.userId, producer), counter);
  }

  #hasEnded({ stream, sender, producer, counter }: Append): boolean {
    if (this.#ended.size === 0) return false;
    const from = this.#ended.get(keyedKey(stream, sender.userId, producer));
    return from !== undefined && counter >= from;
  }

  #appendKeyed(item: Append, rememberMs: number): AppendAnswer {
    const { stream, sender, producer, digest } = item;
    const key = keyedKey(stream, sender.userId, producer);
    const known = this.#ledger.get(key);
    if (known !== undefined && known.until > this.#now())
      return known.digest === digest ? { outcome: 'duplicate', seq: known.seq } : { outcome: 'conflict' };
    if (this.#hasEnded(item)) return { outcome: 'ended' };
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

  /** Called when the batch of a send without a key has failed. */
  #ownFailed({ sender, producer }: Append, answer: AppendAnswer | Older): void {
    if ('seq' in answer) this.#uncertain.add(messageId(sender.userId, producer, 0), answer.seq, this.#now());
  }

  #appendNew(item: Append): AppendAnswer {
    if (item.endsProducer === true) {
      this.#endProducer(item);
      return { outcome: 'ended' };
    }
    const change = this.#groups.admit(item);
    if (typeof change === 'string') return { outcome: 'refused', problem: change };
    const places = this.#logs.admit(item);
    if (typeof places === 'string') return { outcome: places };
    const storedAt = this.#now();
    const { seq, prev, n, wire } = this.#logs.write(item, places.log, storedAt);
    const { copy: place } = places;
    const copy = place && this.#logs.write(item, place, storedAt, place.to);
    if (change !== undefined) this.#groups.write(change, seq, n);
    return { outcome: 'ok', seq, prev, storedAt, n, wire, copy };
  }
}

const withFollowers = (answer: AppendAnswer, followers: readonly InstanceId[]): AppendAnswer =>
  answer.outcome === 'ok' || answer.outcome === 'duplicate' ? { ...answer, followers } : answer;

/**
 * Whether the answer refuses the send for good. A recipient that does not exist never gets anything, whenever a
 * late copy of the send comes. After a used-up share the sender may be asked to send the same again.
 */
const isRefusal = ({ outcome }: AppendAnswer): boolean =>
  outcome !== 'ok' && outcome !== 'unknown' && outcome !== 'share';

/** Whether the producer was made for this send alone. */
const isOwn = ({ counter, rememberMs }: Append): boolean => counter === 0 && rememberMs === undefined;

const plainCursor = (cursor: Cursor | undefined): Cursor | undefined =>
  cursor === undefined ? undefined : { seq: cursor.seq, id: cursor.id };

const ownCursor = (record: CursorRecord | undefined, device: DeviceId): Cursor | undefined =>
  plainCursor(record?.devices?.find((of) => of.device === device));
