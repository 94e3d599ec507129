/**
 * Gathers appends of one turn of the event loop into one call. On a Cluster this is one call per shard, since
 * a script may touch only one shard there. While a few calls are under way, further appends wait and travel
 * together in the next call.
 */
import {
  CimError,
  inboxOf,
  type InstanceId,
  type MessageId,
  ownerOf,
  type Seq,
  streamName,
  type StreamRef,
} from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { Duplicates, Older } from '../duplicates.ts';
import type { GroupProblem } from '../groups.ts';
import { type Append, type AppendAnswer, type Done, tell } from '../streams.ts';
import type { Commit } from './commit.ts';
import { type Fault, faultOf } from './fault.ts';
import { streamKeys, streamShard } from './keys.ts';
import { PackedTexts } from './packed-texts.ts';
import type { Script } from './script.ts';
import { LATE_MS } from './append-script.ts';

/**
 * Most items of one call. A script holds up all other clients of Redis. The next constant bounds the bytes of
 * content.
 */
const CALL_ITEMS = 256;
const CALL_BYTES = 1024 * 1024;
/**
 * Most calls under way per queue. Appends that wait for one travel together, so that a busy store gets fewer
 * and larger calls.
 */
const CALLS_UNDER_WAY = 2;
/**
 * A call costs as much as several texts, so appends gather: after a call with several items the next one
 * follows LEAST_MS later at the earliest, plus 1 ms for each TEXTS_A_MS texts, and MOST_MS at most. A single
 * sender never waits.
 */
const LEAST_MS = 2;
const TEXTS_A_MS = 4;
const MOST_MS = 8;
/** Waits shorter than this are not timed, since timers are not exact enough [ms]. */
const TIMER_MS = 1;
/** Most appends without an answer. Further ones are refused, so that a slow store costs bounded memory. */
const OPEN_ITEMS = 50_000;
const OPEN_BYTES = 64 * 1024 * 1024;
/** Approximate packed bytes of an item without its content. */
const ITEM_BYTES = 160;

/**
 * The mode of a copy that is an item of its own. `new`: its message was stored just now. `again`: its message
 * was stored before, perhaps with its copy. `behind`: the copies before it have gone first. Its answer is
 * `gap` when copies before it are missing, with a `last` of -1 when no record says which, and `full` when it
 * was left out.
 */
export type CopyMode = 'new' | 'again' | 'behind';

interface Waiting {
  readonly item: Append;
  readonly done: Done;
  /** '' for an item that is not a copy. */
  readonly copy: CopyMode | '';
}

/** The appends of one shard, or of all shards where one server holds them all. */
interface ShardQueue {
  waiting: Waiting[];
  callsUnderWay: number;
  /** Whether the queue is examined at the end of this turn. */
  due: boolean;
  /** Earliest time of the next call [ms, performance.now()], unless enough items for a call wait. */
  nextAtMs: number;
  /** Whether a timer is set for `nextAtMs`. */
  timed: boolean;
}

export class AppendBatch {
  readonly #commit: Commit;
  readonly #script: Script;
  readonly #duplicates: Duplicates;
  readonly #logger: Logger;
  readonly #onFault: (fault: Fault) => void;
  /** Key: shard, or '' for all. Never removed. */
  readonly #queues = new Map<string, ShardQueue>();
  /** Queues with new appends. Emptied once per turn. */
  #due: ShardQueue[] = [];
  #openItems = 0;
  #openBytes = 0;
  /** Called when no append is open any more. Emptied then. */
  readonly #onIdle: (() => void)[] = [];
  readonly #flush = (): void => {
    const due = this.#due;
    this.#due = [];
    for (const queue of due) {
      queue.due = false;
      while (queue.waiting.length > 0 && queue.callsUnderWay < CALLS_UNDER_WAY)
        void this.#send(queue, cut(queue));
    }
  };

  /**
   * @param duplicates answers sends whose counter is below the last one
   * @param onFault called with Redis' words about an item that failed inside the script, where the driver
   * sees no error
   */
  constructor(
    commit: Commit,
    script: Script,
    duplicates: Duplicates,
    onFault: (fault: Fault) => void,
    logger: Logger,
  ) {
    this.#commit = commit;
    this.#script = script;
    this.#duplicates = duplicates;
    this.#onFault = onFault;
    this.#logger = logger;
  }

  /**
   * Adds an append. @param copy the mode, when the item is a copy by itself. Such an item is never refused:
   * its message is stored
   */
  add(item: Append, done: Done, copy: CopyMode | '' = ''): void {
    const { length } = item.content;
    if (copy === '' && (this.#openItems >= OPEN_ITEMS || this.#openBytes + length > OPEN_BYTES)) {
      setImmediate(tell, done, { outcome: 'retry', cause: 'the store is behind' }, this.#logger);
      return;
    }
    this.#openItems++;
    this.#openBytes += length;
    const shard = this.#commit.acrossShards ? '' : streamShard(item.stream);
    let queue = this.#queues.get(shard);
    if (queue === undefined)
      this.#queues.set(
        shard,
        (queue = { waiting: [], callsUnderWay: 0, due: false, nextAtMs: 0, timed: false }),
      );
    queue.waiting.push({ item, done, copy });
    this.#sendIfDue(queue);
  }

  /** Resolves when every append has its answer. */
  idle(): Promise<void> {
    if (this.#openItems === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #sendIfDue(queue: ShardQueue): void {
    if (queue.due || queue.callsUnderWay >= CALLS_UNDER_WAY) return;
    if (queue.waiting.length < CALL_ITEMS) {
      if (queue.timed) return;
      const ms = queue.nextAtMs - performance.now();
      if (ms > TIMER_MS) return this.#sendIn(queue, Math.round(ms));
    }
    queue.due = true;
    if (this.#due.push(queue) === 1) setImmediate(this.#flush);
  }

  #sendIn(queue: ShardQueue, ms: number): void {
    queue.timed = true;
    setTimeout(() => {
      queue.timed = false;
      if (queue.waiting.length > 0) this.#sendIfDue(queue);
    }, ms);
  }

  /**
   * Sends one call. Calls in flight are carried out in order, except when Redis has just started and does not
   * know the script yet. Then a later call may be answered `gap` or `unknown-producer`.
   */
  async #send(queue: ShardQueue, batch: readonly Waiting[]): Promise<void> {
    queue.callsUnderWay++;
    const gapMs =
      batch.length === 1 ? 0 : Math.min(LEAST_MS + Math.floor(batch.length / TEXTS_A_MS), MOST_MS);
    queue.nextAtMs = performance.now() + gapMs;
    let answers = '';
    let failure: { readonly cause: unknown } | undefined;
    try {
      const { key, packed } = callOf(batch, this.#commit.acrossShards);
      answers = (await this.#commit.run(this.#script, [key], [packed])) as string;
    } catch (cause) {
      failure = { cause };
    }
    queue.callsUnderWay--;
    this.#answer(batch, answers, failure?.cause);
    // Appends that wait behind a call without an answer would only wait as long again.
    if (failure !== undefined) this.#answer(queue.waiting.splice(0), '', failure.cause);
    else if (queue.waiting.length > 0) this.#sendIfDue(queue);
    if (this.#openItems === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** @param answers lines: the time, then one line for each item */
  #answer(batch: readonly Waiting[], answers: string, cause: unknown): void {
    const lines = answers.split('\n');
    const storedAt = Number(lines[0]);
    for (let i = 0; i < batch.length; i++) {
      const { item, done } = batch[i] as Waiting;
      const line = lines[i + 1] ?? '';
      this.#openItems--;
      this.#openBytes -= item.content.length;
      if (line.startsWith(FAILED)) this.#onFault(faultOf(line.slice(FAILED.length)));
      const answer = answerOf(line, storedAt, cause);
      if (answer.outcome === 'older') this.#duplicates.check(item, answer, done);
      else tell(done, answer, this.#logger);
    }
  }
}

/** Removes the items for one call from the queue. */
function cut(queue: ShardQueue): Waiting[] {
  let items = 0;
  let bytes = 0;
  for (const { item } of queue.waiting) {
    bytes += item.content.length;
    if (items > 0 && (items === CALL_ITEMS || bytes > CALL_BYTES)) break;
    items++;
  }
  return queue.waiting.splice(0, items);
}

/** @param together whether a copy goes along with its message */
function callOf(batch: readonly Waiting[], together: boolean): { key: string; packed: Buffer } {
  /** Key: stream name. Value: its number in the call, from 1. */
  const numbers = new Map<string, number>();
  const streams: StreamRef[] = [];
  let bytes = 0;
  // For each item the number of its stream and of the stream for its copy (0: none).
  const of: number[] = [];
  for (const { item } of batch) {
    bytes += ITEM_BYTES + item.content.length;
    of.push(numberIn(numbers, streams, item.stream));
    of.push(together && hasCopy(item) ? numberIn(numbers, streams, inboxOf(item.sender.userId)) : 0);
  }
  const pack = new PackedTexts(bytes);
  pack.number(streams.length);
  let number = 0;
  for (const name of numbers.keys()) {
    pack.text(streamShard(streams[number++] as StreamRef));
    pack.text(name);
  }
  for (let i = 0; i < batch.length; i++) {
    const { item, copy: mode } = batch[i] as Waiting;
    const { sender, producer, counter, again, content, digest, rememberMs = LATE_MS } = item;
    pack.number(of[2 * i] as number);
    pack.number(sender.userId);
    pack.text(sender.userName);
    pack.text(producer);
    // A negative counter says that the send may have been sent before.
    if (again === true && counter > 0) pack.text(`-${counter}`);
    else pack.number(counter);
    pack.text(counter === 0 ? `${digest} ${rememberMs}` : digest);
    pack.bytes(content);
    const copy = of[2 * i + 1] as number;
    if (copy === 0) pack.text(mode);
    else pack.number(copy);
    // Fields that most items do not have.
    const { silent, about, operation, endsProducer } = item;
    const hasMore =
      silent === true || about !== undefined || operation !== undefined || endsProducer === true;
    pack.text(hasMore ? JSON.stringify({ silent, about, operation, endsProducer }) : '');
  }
  return { key: streamKeys(streams[0] as StreamRef).log, packed: pack.packed() };
}

/** The number of a stream in a call, from 1. Adds the stream when it is new. */
function numberIn(numbers: Map<string, number>, streams: StreamRef[], stream: StreamRef): number {
  const name = streamName(stream);
  let number = numbers.get(name);
  if (number === undefined) numbers.set(name, (number = streams.push(stream)));
  return number;
}

/** Whether the append also goes into its sender's own inbox. */
export const hasCopy = ({ stream, sender }: Append): boolean => {
  const owner = ownerOf(stream);
  return owner !== undefined && owner !== sender.userId;
};

const OK = 'ok ';
const FAILED = 'failed ';

/** Parses `ok seq n copy's-seq copy's-n prev TAB copy's-prev`, with the followers behind another TAB. */
function storedOf(line: string, storedAt: number): AppendAnswer {
  const afterSeq = line.indexOf(' ', OK.length);
  const afterN = line.indexOf(' ', afterSeq + 1);
  const afterCopy = line.indexOf(' ', afterN + 1);
  const afterCopyN = line.indexOf(' ', afterCopy + 1);
  const afterPrev = line.indexOf('\t', afterCopyN + 1);
  const seq = Number(line.slice(OK.length, afterSeq)) as Seq;
  const n = Number(line.slice(afterSeq + 1, afterN));
  const prev = line.slice(afterCopyN + 1, afterPrev) as MessageId;
  const copySeq = Number(line.slice(afterN + 1, afterCopy)) as Seq;
  if (copySeq === 0) {
    const followers = followersOf(line, afterPrev + 1);
    return followers === undefined
      ? { outcome: 'ok', seq, prev, storedAt, n }
      : { outcome: 'ok', seq, prev, storedAt, n, followers };
  }
  const copy = {
    seq: copySeq,
    prev: line.slice(afterPrev + 1) as MessageId,
    storedAt,
    n: Number(line.slice(afterCopy + 1, afterCopyN)),
  };
  return { outcome: 'ok', seq, prev, storedAt, n, copy };
}

/** The followers behind the first TAB from `from` on. */
function followersOf(line: string, from: number): InstanceId[] | undefined {
  const tab = line.indexOf('\t', from);
  if (tab === -1) return undefined;
  return tab + 1 === line.length ? [] : (line.slice(tab + 1).split(' ') as InstanceId[]);
}

function answerOf(line: string, storedAt: number, cause: unknown): AppendAnswer | Older {
  // Nearly all answers begin so.
  if (line.startsWith(OK)) return storedOf(line, storedAt);
  const [outcome, first = '', second = ''] = line.split(/[ \t]/, 3);
  switch (outcome) {
    case 'duplicate':
    case 'older': {
      const of = followersOf(line, 0);
      const followers = of === undefined ? {} : { followers: of };
      const seq = Number(first) as Seq;
      return outcome === 'older'
        ? { outcome, seq, last: Number(second), ...followers }
        : { outcome, seq, ...followers };
    }
    case 'refused':
      return { outcome, problem: first as GroupProblem };
    case 'gap':
      return { outcome, last: Number(first) };
    case 'unknown-producer':
    case 'ended':
    case 'conflict':
    case 'blocked':
    case 'full':
    case 'share':
    case 'unknown':
      return { outcome };
    default:
      return {
        outcome: 'retry',
        cause: cause ?? new CimError('failure', notCarriedOut(line)),
      };
  }
}

const notCarriedOut = (line: string): string =>
  `the store did not carry it out: ${line.startsWith(FAILED) ? faultOf(line.slice(FAILED.length)).text : line || 'no answer'}`;
