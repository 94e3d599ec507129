import {
  inboxOf,
  type MessageId,
  type ProducerId,
  type Seq,
  type StreamRef,
  streamName,
  type UserId,
} from '@cim/protocol';
import type { Append, AppendAnswer, Cursor, Entry, Position, Streams } from '../streams.ts';
import { AppendBatch } from './append-batch.ts';
import type { Connection } from './connection.ts';
import { key } from './keys.ts';
import { ACK } from './stream-scripts.ts';

const READ_BYTES = 256 * 1024;
const ACKS_A_CALL = 256;

export class RedisStreams implements Streams {
  readonly #redis: Connection;
  readonly #appends: AppendBatch;

  constructor(redis: Connection) {
    this.#redis = redis;
    this.#appends = new AppendBatch(redis);
  }

  append(item: Append, done: (answer: AppendAnswer) => void): void {
    this.#appends.add(item, done);
  }

  async read(stream: StreamRef, from: Seq, limit: number): Promise<Entry[]> {
    const rows = await this.#redis.xrangeBuffer(key.log(stream), `${from}-0`, '+', 'COUNT', limit);
    const entries: Entry[] = [];
    let bytes = 0;
    for (const [id, fields] of rows) {
      const entry = entryOf(id, fields);
      bytes += entry.content.length;
      if (entries.length > 0 && bytes > READ_BYTES) break;
      entries.push(entry);
    }
    return entries;
  }

  async position(stream: StreamRef): Promise<Position> {
    const [top, topId, first] = await this.#redis.hmget(key.meta(stream), 'top', 'topId', 'first');
    return {
      first: Number(first ?? 1) as Seq,
      top: Number(top ?? 0) as Seq,
      topId: (topId ?? '') as MessageId,
    };
  }

  async counters(
    sender: UserId,
    of: readonly { readonly stream: StreamRef; readonly producer: ProducerId }[],
  ): Promise<number[]> {
    return Promise.all(
      of.map(async ({ stream, producer }) => {
        const field = `${sender}:${producer}`;
        const [last, older] = await Promise.all([
          this.#redis.hget(key.producers(stream), field),
          this.#redis.hget(key.olderProducers(stream), field),
        ]);
        return Number((last ?? older ?? '0').split(' ')[0]);
      }),
    );
  }

  async cursor(user: UserId, stream: StreamRef): Promise<Cursor | undefined> {
    const stored = await this.#redis.hget(key.cursors(user), streamName(stream));
    if (stored === null) return undefined;
    const cut = stored.indexOf(' ');
    return { seq: Number(stored.slice(0, cut)) as Seq, id: stored.slice(cut + 1) as MessageId };
  }

  async ack(acks: Parameters<Streams['ack']>[0]): Promise<void> {
    const shards = new Map<string, { keys: string[]; args: (string | number)[] }[]>();
    for (const { user, epoch, stream, cursor } of acks) {
      const shard = key.userShard(user);
      const calls = shards.get(shard) ?? [];
      shards.set(shard, calls);
      let call = calls.at(-1);
      if (call === undefined || call.keys.length >= ACKS_A_CALL * 4)
        calls.push((call = { keys: [], args: [] }));
      const inbox = stream.kind === 'inbox';
      call.keys.push(key.session(user), key.cursors(user));
      call.keys.push(
        ...(inbox
          ? [key.log(inboxOf(user)), key.meta(inboxOf(user))]
          : [key.session(user), key.cursors(user)]),
      );
      call.args.push(epoch, streamName(stream), cursor.seq, cursor.id, inbox ? 1 : 0);
    }
    await Promise.all([...shards.values()].flat().map(({ keys, args }) => ACK.run(this.#redis, keys, args)));
  }
}

function entryOf(id: Buffer, fields: readonly Buffer[]): Entry {
  const text: Record<string, string> = Object.create(null) as Record<string, string>;
  let content: Uint8Array = new Uint8Array();
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = String(fields[i]);
    const value = fields[i + 1];
    if (value === undefined) continue;
    if (name === 'd') content = value;
    else text[name] = value.toString('utf8');
  }
  return {
    seq: Number.parseInt(id.toString('latin1'), 10) as Seq,
    prev: (text['v'] ?? '') as MessageId,
    storedAt: Number(text['t']),
    sender: { userId: Number(text['s']) as UserId, userName: text['n'] ?? '' },
    producer: (text['p'] ?? '') as ProducerId,
    counter: Number(text['c']),
    content,
  };
}
