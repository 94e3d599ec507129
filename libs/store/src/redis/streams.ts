import {
  type DeviceId,
  groupOf,
  inboxOf,
  type InstanceId,
  type MessageId,
  ownerOf,
  type ProducerId,
  type Seq,
  streamName,
  streamOfName,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import {
  type Append,
  type AppendAnswer,
  type Cursor,
  type Entry,
  type EventAt,
  type Position,
  type StreamLimits,
  type Streams,
  tell,
} from '../streams.ts';
import type { Logger } from '@cim/runtime';
import { Duplicates } from '../duplicates.ts';
import { LogScans } from '../log-scans.ts';
import { LEASE_MS } from '../sessions.ts';
import { AppendBatch, hasCopy } from './append-batch.ts';
import { Copies } from './copies.ts';
import type { Commit } from './commit.ts';
import type { Fault } from './fault.ts';
import { GatheredGets } from './gathered-gets.ts';
import { appendScript } from './append-script.ts';
import { key, type StreamKeys, streamKeys } from './keys.ts';
import type { RedisLink } from './link.ts';
import type { MemberSides } from './member-sides.ts';
import { ACK, ACK_KEYS, MARK_DIRTY, readMeta, READ, READ_META, TAKE_DIRTY } from './stream-scripts.ts';

/** Approximate bytes that a read answers at most. */
const READ_BYTES = 256 * 1024;
/** Entries that a read asks for first. After that it asks for as many as are likely to fit. */
const FIRST_READ = 32;
const ACKS_A_CALL = 256;

/** A row of XRANGE's answer. */
export type Row = [id: Buffer, fields: Buffer[]];

export class RedisStreams implements Streams {
  readonly kept: Streams['kept'];
  readonly #link: RedisLink;
  readonly #commit: Commit;
  readonly #gets: GatheredGets;
  readonly #duplicates: Duplicates;
  readonly #appends: AppendBatch;
  /** Undefined where one call reaches all shards. */
  readonly #copies: Copies | undefined;
  readonly #sides: MemberSides;
  readonly #logger: Logger;
  /** Changes of groups that wait for the users' sides. Each removes itself. */
  readonly #following = new Set<Promise<void>>();

  constructor(link: RedisLink, commit: Commit, sides: MemberSides, logger: Logger, limits: StreamLimits) {
    this.#link = link;
    this.#sides = sides;
    this.#logger = logger;
    this.#commit = commit;
    this.#gets = new GatheredGets(link);
    const scans = new LogScans(this);
    this.#duplicates = new Duplicates(scans, logger);
    const script = appendScript(limits, commit.waits);
    const onFault = (fault: Fault): void => {
      link.count(fault);
      link.notice(fault);
    };
    this.#appends = new AppendBatch(commit, script, this.#duplicates, onFault, logger);
    this.#copies = commit.acrossShards ? undefined : new Copies(this.#appends, this, scans, logger);
    this.kept = commit.waits
      ? {
          peek: (stream, from) => firstOf(this.#rowsKept(streamKeys(stream), from, 1)),
          position: async (stream) => positionOf(await this.#metaKept(streamKeys(stream))),
        }
      : this;
  }

  append(item: Append, done: (answer: AppendAnswer) => void): void {
    const copies = this.#copies;
    if (item.operation !== undefined) this.#appends.add(item, (answer) => this.#follow(item, answer, done));
    else if (copies !== undefined && hasCopy(item))
      this.#appends.add(item, (answer) => copies.make(item, answer, done));
    else this.#appends.add(item, done);
  }

  /**
   * Completes the users' sides of a change of a group before it is answered, also when the answer is that it
   * was made before.
   */
  #follow({ stream }: Append, answer: AppendAnswer, done: (answer: AppendAnswer) => void): void {
    const group = groupOf(stream);
    if (group === undefined || !('seq' in answer)) return done(answer);
    const following = this.#sides.follow(group, answer.seq).then(
      () => tell(done, answer, this.#logger),
      (cause: unknown) => tell(done, { outcome: 'retry', cause }, this.#logger),
    );
    this.#following.add(following);
    void following.then(() => this.#following.delete(following));
  }

  /** Resolves when every append is answered. */
  async idle(): Promise<void> {
    await this.#appends.idle();
    await this.#duplicates.idle();
    await this.#copies?.idle();
    await Promise.all(this.#following);
  }

  async read(stream: StreamRef, from: Seq, limit: number): Promise<Entry[]> {
    const keys = streamKeys(stream);
    const entries: Entry[] = [];
    let bytes = 0;
    let next: number = from;
    let count = Math.min(limit, FIRST_READ);
    while (count > 0) {
      const rows = await (this.#commit.waits ? this.#rowsKept : this.#rows)(keys, next, count);
      for (const [id, fields] of rows) {
        const entry = entryOf(id, fields);
        bytes += entry.content.length;
        if (entries.length > 0 && bytes > READ_BYTES) return entries;
        entries.push(entry);
        next = entry.seq + 1;
      }
      if (rows.length < count) return entries;
      const likely = Math.ceil(((READ_BYTES - bytes) / Math.max(bytes, 1)) * entries.length);
      count = Math.min(limit - entries.length, Math.max(likely, 1));
    }
    return entries;
  }

  peek(stream: StreamRef, from: Seq): Promise<Entry | undefined> {
    return firstOf(this.#rows(streamKeys(stream), from, 1));
  }

  readonly #rows = ({ log }: StreamKeys, from: number, count: number): Promise<Row[]> =>
    this.#link.ask((redis) => redis.xrangeBuffer(log, `${from}-0`, '+', 'COUNT', count));

  readonly #rowsKept = ({ log, meta }: StreamKeys, from: number, count: number): Promise<Row[]> =>
    this.#commit.run(READ, [log, meta], [from, count]) as Promise<Row[]>;

  readonly #metaKept = ({ meta }: StreamKeys): Promise<Buffer | null> =>
    this.#commit.run(READ_META, [meta], []) as Promise<Buffer | null>;

  async position(stream: StreamRef): Promise<Position> {
    const { meta } = streamKeys(stream);
    return positionOf(
      await (this.#commit.acrossShards
        ? this.#gets.get(meta)
        : this.#link.ask((redis) => redis.getBuffer(meta))),
    );
  }

  async positions(streams: readonly StreamRef[]): Promise<Position[]> {
    if (streams.length === 0) return [];
    const keys = streams.map((stream) => streamKeys(stream).meta);
    const metas = await this.#link.ask((redis) =>
      this.#commit.acrossShards ? redis.mgetBuffer(keys) : Promise.all(keys.map((of) => redis.getBuffer(of))),
    );
    return metas.map(positionOf);
  }

  async counters(
    sender: UserId,
    of: readonly { readonly stream: StreamRef; readonly producer: ProducerId }[],
  ): Promise<(number | undefined)[]> {
    if (of.length === 0) return [];
    const [metas, records] = await this.#link.ask((redis) =>
      Promise.all([
        Promise.all(of.map(({ stream }) => redis.getBuffer(streamKeys(stream).meta))),
        Promise.all(
          of.flatMap(({ stream, producer }) => {
            const { producers, olderProducers } = streamKeys(stream);
            const field = `${sender}:${producer}`;
            return [redis.hget(producers, field), redis.hget(olderProducers, field)];
          }),
        ),
      ]),
    );
    return of.map(({ producer }, i) => {
      // Only the top itself tells the last send of its producer.
      const own = `${sender}:${producer}:`;
      const { topId, forgot } = readMeta(metas[i] ?? null);
      const ofTop = topId.startsWith(own) ? Number(topId.slice(own.length)) : 0;
      if (ofTop > 0) return ofTop;
      const record = records[2 * i] ?? records[2 * i + 1];
      if (typeof record === 'string') return Number.parseInt(record, 10);
      return forgot ? undefined : 0;
    });
  }

  async events(stream: StreamRef, from: Seq): Promise<EventAt[]> {
    const rows = await this.#link.ask((redis) => redis.xrange(streamKeys(stream).events, `${from}-0`, '+'));
    return rows.map(([id, fields]) => ({
      seq: Number.parseInt(id, 10) as Seq,
      about: fields[1] as MessageId,
    }));
  }

  async cursor(user: UserId, device: DeviceId, stream: StreamRef): Promise<Cursor | undefined> {
    const name = streamName(stream);
    const [highest, owner, own] = await this.#link.ask((redis) =>
      redis.hmget(key.cursors(user), name, `${name} @`, `${name} ${device}`),
    );
    return cursorOf(owner === device ? highest : own);
  }

  async highestCursor(user: UserId, stream: StreamRef): Promise<Cursor | undefined> {
    return cursorOf(await this.#link.ask((redis) => redis.hget(key.cursors(user), streamName(stream))));
  }

  async ack(acks: Parameters<Streams['ack']>[0]): Promise<void> {
    /** Key: shard, or '' for all. */
    const shards = new Map<string, { keys: string[]; args: (string | number)[] }[]>();
    for (const { user, device, epoch, stream, cursor } of acks) {
      const shard = this.#commit.acrossShards ? '' : key.userShard(user);
      const calls = shards.get(shard) ?? [];
      shards.set(shard, calls);
      let call = calls.at(-1);
      if (call === undefined || call.keys.length >= ACKS_A_CALL * ACK_KEYS) {
        call = { keys: [], args: [] };
        calls.push(call);
      }
      // Only the user's own inbox lies in the user's shard. For other streams only the cursor moves.
      const own = ownerOf(stream) === user;
      const { log, meta } = streamKeys(inboxOf(user));
      call.keys.push(key.session(user), key.cursors(user), log, meta);
      call.args.push(epoch, streamName(stream), cursor.seq, cursor.id, own ? 1 : 0, device);
    }
    const calls = [...shards.values()].flat();
    if (calls.length === 0) return;
    await this.#link.ask((redis) => Promise.all(calls.map(({ keys, args }) => ACK.run(redis, keys, args))));
  }

  async markDirty(instance: InstanceId, stream: StreamRef): Promise<void> {
    const args = [streamName(stream), LEASE_MS];
    await this.#link.ask((redis) => MARK_DIRTY.run(redis, [key.dirty(instance)], args));
  }

  async takeDirty(instance: InstanceId): Promise<StreamRef[]> {
    const names = await this.#link.ask((redis) => TAKE_DIRTY.run(redis, [key.dirty(instance)], []));
    return (names as string[]).map(streamOfName);
  }
}

function cursorOf(stored: string | null | undefined): Cursor | undefined {
  if (stored === null || stored === undefined) return undefined;
  const cut = stored.indexOf(' ');
  return { seq: Number(stored.slice(0, cut)) as Seq, id: stored.slice(cut + 1) as MessageId };
}

async function firstOf(rows: Promise<Row[]>): Promise<Entry | undefined> {
  const [row] = await rows;
  return row === undefined ? undefined : entryOf(...row);
}

function positionOf(meta: Buffer | null): Position {
  const { first, top, topId, shown, shownSeq, shownAt } = readMeta(meta);
  return {
    first: first as Seq,
    top: top as Seq,
    topId: topId as MessageId,
    shown,
    shownSeq: shownSeq as Seq,
    shownAt,
  };
}

/** Decodes an entry from a row of a log or of the feed. */
export function entryOf(id: Buffer, fields: readonly Buffer[]): Entry {
  let head = '';
  let content: Uint8Array = new Uint8Array();
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const value = fields[i + 1] ?? Buffer.alloc(0);
    if (fields[i]?.[0] === HEAD) head = value.toString('utf8');
    else content = value;
  }
  const [sender, counter, storedAt, bytes = '', producer = '', prev = ''] = head.split(' ', 6);
  const slash = bytes.indexOf('/');
  let name = 0;
  for (let i = 0; i < 6; i++) name = head.indexOf(' ', name) + 1;
  return {
    seq: Number.parseInt(id.toString('latin1'), 10) as Seq,
    prev: (prev === '-' ? '' : prev) as MessageId,
    storedAt: Number(storedAt),
    sender: { userId: Number(sender) as UserId, userName: head.slice(name) },
    producer: producer as ProducerId,
    counter: Number(counter),
    content,
    // The version before has written none.
    n: slash === -1 ? 0 : Number.parseInt(bytes.slice(slash + 1), 10),
  };
}

/** "h", the name of the field with an entry's head. */
const HEAD = 0x68;
