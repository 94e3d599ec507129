/** Appends that meet in one turn of the event loop travel in one call per shard. */
import { CimError, type MessageId, type Seq, streamName } from '@cim/protocol';
import { type Append, type AppendAnswer, PRODUCER_TURN_MS, RETENTION } from '../streams.ts';
import type { Connection } from './connection.ts';
import { key } from './keys.ts';
import { APPEND } from './stream-scripts.ts';

/** Items of one call: a script keeps Redis from everybody else. */
const ITEMS = 64;

interface Waiting {
  readonly item: Append;
  readonly done: (answer: AppendAnswer) => void;
}

export class AppendBatch {
  readonly #redis: Connection;
  /** Key: shard. Emptied once a turn. */
  #waiting = new Map<string, Waiting[]>();
  readonly #flush = (): void => {
    const shards = this.#waiting;
    this.#waiting = new Map();
    for (const all of shards.values())
      for (let i = 0; i < all.length; i += ITEMS) void this.#send(all.slice(i, i + ITEMS));
  };

  constructor(redis: Connection) {
    this.#redis = redis;
  }

  add(item: Append, done: (answer: AppendAnswer) => void): void {
    if (this.#waiting.size === 0) setImmediate(this.#flush);
    const shard = key.shard(item.stream);
    const waiting = this.#waiting.get(shard);
    if (waiting === undefined) this.#waiting.set(shard, [{ item, done }]);
    else waiting.push({ item, done });
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    const keys: string[] = [];
    const args: (string | number | Uint8Array)[] = [
      RETENTION.maxEntries,
      RETENTION.inboxUnackedBytes,
      PRODUCER_TURN_MS,
    ];
    for (const { item } of batch) {
      const { stream, sender, producer, counter, digest, content, rememberMs = 60_000 } = item;
      const inbox = stream.kind === 'inbox';
      keys.push(key.log(stream), key.meta(stream), key.producers(stream), key.olderProducers(stream));
      keys.push(key.keyed(stream, sender.userId, producer));
      keys.push(
        inbox ? key.account(stream.user) : key.meta(stream),
        inbox ? key.cursors(stream.user) : key.meta(stream),
      );
      args.push(
        inbox ? streamName(stream) : '',
        sender.userId,
        sender.userName,
        producer,
        counter,
        digest,
        content,
      );
      args.push(rememberMs);
    }
    let answers: AppendAnswer[];
    try {
      const raw = (await APPEND.run(this.#redis, keys, args)) as string[][];
      answers = batch.map((_, i) => answerOf(raw[i] ?? []));
    } catch (cause) {
      answers = batch.map(() => ({ outcome: 'retry', cause }));
    }
    batch.forEach(({ done }, i) => done(answers[i] ?? { outcome: 'retry', cause: undefined }));
  }
}

function answerOf([outcome, first, second, third]: readonly string[]): AppendAnswer {
  switch (outcome) {
    case 'ok':
      return {
        outcome,
        seq: Number(first) as Seq,
        prev: (second ?? '') as MessageId,
        storedAt: Number(third),
      };
    case 'duplicate':
      return { outcome, seq: Number(first) as Seq };
    case 'gap':
      return { outcome, last: Number(first) };
    case 'conflict':
    case 'full':
    case 'unknown':
      return { outcome };
    default:
      return { outcome: 'retry', cause: new CimError('failure', first ?? 'an append before it failed') };
  }
}
