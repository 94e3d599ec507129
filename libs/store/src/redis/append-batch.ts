/** Appends that meet in one turn of the event loop travel in one call per shard. */
import { CimError, type MessageId, type Seq, streamName } from '@cim/protocol';
import type { Append, AppendAnswer } from '../streams.ts';
import type { Commit } from './commit.ts';
import { streamKeys, streamShard } from './keys.ts';
import type { Script } from './script.ts';
import { STREAM_KEYS } from './stream-scripts.ts';

/** Of one call, items and bytes of content: a script keeps Redis from everybody else. */
const CALL_ITEMS = 128;
const CALL_BYTES = 1024 * 1024;
/** Without an answer yet: more are turned away, so that a store that is slow costs bounded memory. */
const OPEN_ITEMS = 50_000;
const OPEN_BYTES = 64 * 1024 * 1024;
/** How long a keyed send is remembered when nothing is said, in ms. */
const REMEMBER_MS = 60_000;

interface Waiting {
  readonly item: Append;
  readonly done: (answer: AppendAnswer) => void;
}

export class AppendBatch {
  readonly #commit: Commit;
  readonly #script: Script;
  /** Key: shard. Emptied once a turn. */
  #waiting = new Map<string, Waiting[]>();
  #openItems = 0;
  #openBytes = 0;
  /** Called when nothing is open any more. */
  readonly #onIdle: (() => void)[] = [];
  readonly #flush = (): void => {
    const shards = this.#waiting;
    this.#waiting = new Map();
    for (const all of shards.values()) this.#cut(all);
  };

  constructor(commit: Commit, script: Script) {
    this.#commit = commit;
    this.#script = script;
  }

  add(item: Append, done: (answer: AppendAnswer) => void): void {
    if (this.#openItems >= OPEN_ITEMS || this.#openBytes + item.content.length > OPEN_BYTES) {
      setImmediate(done, { outcome: 'retry', cause: new CimError('failure', 'the store is behind') });
      return;
    }
    this.#openItems++;
    this.#openBytes += item.content.length;
    if (this.#waiting.size === 0) setImmediate(this.#flush);
    const shard = streamShard(item.stream);
    const waiting = this.#waiting.get(shard);
    if (waiting === undefined) this.#waiting.set(shard, [{ item, done }]);
    else waiting.push({ item, done });
  }

  /** Resolves when every append has its answer. */
  idle(): Promise<void> {
    if (this.#openItems === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #cut(all: readonly Waiting[]): void {
    let from = 0;
    let bytes = 0;
    for (const [i, { item }] of all.entries()) {
      const length = item.content.length;
      if (i > from && (i - from === CALL_ITEMS || bytes + length > CALL_BYTES)) {
        void this.#send(all.slice(from, i));
        from = i;
        bytes = 0;
      }
      bytes += length;
    }
    void this.#send(from === 0 ? all : all.slice(from));
  }

  /** Calls in flight are carried out in order, unless Redis has just started and not the script yet: then `gap`. */
  async #send(batch: readonly Waiting[]): Promise<void> {
    let answers: readonly string[];
    let cause: unknown;
    try {
      const { keys, args } = callOf(batch);
      answers = (await this.#commit.run(this.#script, keys, args)) as string[];
    } catch (error) {
      answers = [];
      cause = error;
    }
    const [time = '', ...texts] = answers;
    for (const [i, { item, done }] of batch.entries()) {
      this.#openItems--;
      this.#openBytes -= item.content.length;
      done(answerOf(texts[i], Number(time), cause));
    }
    if (this.#openItems === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}

function callOf(batch: readonly Waiting[]): { keys: string[]; args: (string | number | Buffer)[] } {
  /** Key: stream name. */
  const streams = new Map<string, number>();
  const keys: string[] = [];
  const inboxes: number[] = [];
  for (const { item } of batch) {
    const name = streamName(item.stream);
    if (streams.has(name)) continue;
    streams.set(name, streams.size + 1);
    const of = streamKeys(item.stream);
    keys.push(of.log, of.meta, of.producers, of.olderProducers, of.account ?? of.meta);
    inboxes.push(item.stream.kind === 'inbox' ? 1 : 0);
  }
  if (keys.length !== streams.size * STREAM_KEYS)
    throw new Error('a stream has other keys than the script reads');
  const args: (string | number | Buffer)[] = [streams.size, ...inboxes];
  for (const { item } of batch) {
    const { stream, sender, producer, counter, content, rememberMs = REMEMBER_MS } = item;
    let { digest } = item;
    let keyed = 0;
    if (counter === 0) {
      keyed = keys.push(streamKeys(stream).keyed(sender.userId, producer));
      digest = `${digest} ${rememberMs}`;
    }
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    args.push(streams.get(streamName(stream)) ?? 0, keyed, sender.userId, sender.userName, producer, counter);
    args.push(digest, bytes);
  }
  return { keys, args };
}

function answerOf(text: string | undefined, storedAt: number, cause: unknown): AppendAnswer {
  const [outcome, first = '', second = ''] = (text ?? '').split(' ', 3);
  switch (outcome) {
    case 'ok':
      return { outcome, seq: Number(first) as Seq, prev: second as MessageId, storedAt };
    case 'duplicate':
      return { outcome, seq: Number(first) as Seq };
    case 'gap':
      return { outcome, last: Number(first) };
    case 'conflict':
    case 'full':
    case 'unknown':
      return { outcome };
    default:
      return {
        outcome: 'retry',
        cause: cause ?? new CimError('failure', `the store did not carry it out: ${text ?? 'no answer'}`),
      };
  }
}
