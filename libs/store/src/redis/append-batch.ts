/**
 * Appends that meet in one turn of the event loop travel in one call: on a Cluster one per shard, which is all that a
 * script may touch there. A store that has a few calls to carry out gets what comes meanwhile as one more.
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

/** Of one call, items and bytes of content: a script keeps Redis from everybody else. */
const CALL_ITEMS = 256;
const CALL_BYTES = 1024 * 1024;
/** Calls under way at a time, per way: what waits for one travels together, so that a busy store gets fewer and larger ones. */
const CALLS_UNDER_WAY = 2;
/**
 * Each call costs as much as some texts, so they gather: after a call with several, the next one follows LEAST_MS later
 * at the earliest, and 1 ms more for each so many texts, MOST_MS at most. Who sends alone waits for nothing.
 */
const LEAST_MS = 2;
const TEXTS_A_MS = 4;
const MOST_MS = 8;
/** What timers cannot tell. */
const TIMER_MS = 1;
/** Without an answer yet: more are turned away, so that a store that is slow costs bounded memory. */
const OPEN_ITEMS = 50_000;
const OPEN_BYTES = 64 * 1024 * 1024;
/** Of an item without its content, packed; about. */
const ITEM_BYTES = 160;

/**
 * Of a copy that is an item by itself. `new`: of a message that was stored just now; `again`: of one that was stored before, perhaps
 * with its copy; `behind`: those before it have gone first. Answers `gap` when some before it are missing, with a
 * last of -1 when it is not on record which, and `full` when it was left out.
 */
export type CopyMode = 'new' | 'again' | 'behind';

interface Waiting {
  readonly item: Append;
  readonly done: Done;
  /** '': it is no copy. */
  readonly copy: CopyMode | '';
}

/** Appends of a shard, or of all where one server holds them all. */
interface Way {
  waiting: Waiting[];
  callsUnderWay: number;
  /** It is looked at when the turn ends. */
  due: boolean;
  /** Not before, of `performance.now()`, unless as many wait as a call may have. */
  nextAtMs: number;
  /** A timer is set for that. */
  timed: boolean;
}

export class AppendBatch {
  readonly #commit: Commit;
  readonly #script: Script;
  readonly #duplicates: Duplicates;
  readonly #logger: Logger;
  readonly #onFault: (fault: Fault) => void;
  /** Key: shard, or '' for all. Never removed. */
  readonly #ways = new Map<string, Way>();
  /** Emptied once a turn. */
  #due: Way[] = [];
  #openItems = 0;
  #openBytes = 0;
  /** Called when nothing is open any more. */
  readonly #onIdle: (() => void)[] = [];
  readonly #flush = (): void => {
    const due = this.#due;
    this.#due = [];
    for (const way of due) {
      way.due = false;
      while (way.waiting.length > 0 && way.callsUnderWay < CALLS_UNDER_WAY) void this.#send(way, cut(way));
    }
  };

  /**
   * @param duplicates answers sends whose counter is below the last one
   * @param onFault told what Redis said of an item that failed inside the script, where the driver sees no error
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

  /** @param copy the item is a copy by itself. It is never turned away: its message is stored */
  add(item: Append, done: Done, copy: CopyMode | '' = ''): void {
    const { length } = item.content;
    if (copy === '' && (this.#openItems >= OPEN_ITEMS || this.#openBytes + length > OPEN_BYTES)) {
      setImmediate(tell, done, { outcome: 'retry', cause: 'the store is behind' }, this.#logger);
      return;
    }
    this.#openItems++;
    this.#openBytes += length;
    const shard = this.#commit.acrossShards ? '' : streamShard(item.stream);
    let way = this.#ways.get(shard);
    if (way === undefined)
      this.#ways.set(shard, (way = { waiting: [], callsUnderWay: 0, due: false, nextAtMs: 0, timed: false }));
    way.waiting.push({ item, done, copy });
    this.#look(way);
  }

  /** Resolves when every append has its answer. */
  idle(): Promise<void> {
    if (this.#openItems === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #look(way: Way): void {
    if (way.due || way.callsUnderWay >= CALLS_UNDER_WAY) return;
    if (way.waiting.length < CALL_ITEMS) {
      if (way.timed) return;
      const ms = way.nextAtMs - performance.now();
      if (ms > TIMER_MS) return this.#lookIn(way, Math.round(ms));
    }
    way.due = true;
    if (this.#due.push(way) === 1) setImmediate(this.#flush);
  }

  #lookIn(way: Way, ms: number): void {
    way.timed = true;
    setTimeout(() => {
      way.timed = false;
      if (way.waiting.length > 0) this.#look(way);
    }, ms);
  }

  /**
   * Calls in flight are carried out in order, unless Redis has just started and not the script yet: then a
   * later one may be answered `gap` or `unknown-producer`.
   */
  async #send(way: Way, batch: readonly Waiting[]): Promise<void> {
    way.callsUnderWay++;
    const gapMs =
      batch.length === 1 ? 0 : Math.min(LEAST_MS + Math.floor(batch.length / TEXTS_A_MS), MOST_MS);
    way.nextAtMs = performance.now() + gapMs;
    let answers = '';
    let failure: { readonly cause: unknown } | undefined;
    try {
      const { key, packed } = callOf(batch, this.#commit.acrossShards);
      answers = (await this.#commit.run(this.#script, [key], [packed])) as string;
    } catch (cause) {
      failure = { cause };
    }
    way.callsUnderWay--;
    this.#answer(batch, answers, failure?.cause);
    // What waits behind a call without an answer would only wait as long again.
    if (failure !== undefined) this.#answer(way.waiting.splice(0), '', failure.cause);
    else if (way.waiting.length > 0) this.#look(way);
    if (this.#openItems === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** @param answers lines: the time, then one for each item */
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

/** Takes what makes one call. */
function cut(way: Way): Waiting[] {
  let items = 0;
  let bytes = 0;
  for (const { item } of way.waiting) {
    bytes += item.content.length;
    if (items > 0 && (items === CALL_ITEMS || bytes > CALL_BYTES)) break;
    items++;
  }
  return way.waiting.splice(0, items);
}

/** @param together a copy goes along with its message */
function callOf(batch: readonly Waiting[], together: boolean): { key: string; packed: Buffer } {
  /** Key: stream name. Which stream of the call, from 1. */
  const numbers = new Map<string, number>();
  const streams: StreamRef[] = [];
  let bytes = 0;
  // Of each item, its stream and that of its copy (0: none).
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
    // Below zero: it may have been sent before.
    if (again === true && counter > 0) pack.text(`-${counter}`);
    else pack.number(counter);
    pack.text(counter === 0 ? `${digest} ${rememberMs}` : digest);
    pack.bytes(content);
    const copy = of[2 * i + 1] as number;
    if (copy === 0) pack.text(mode);
    else pack.number(copy);
    // What most items have not.
    const { silent, about, operation, endsProducer } = item;
    const hasMore =
      silent === true || about !== undefined || operation !== undefined || endsProducer === true;
    pack.text(hasMore ? JSON.stringify({ silent, about, operation, endsProducer }) : '');
  }
  return { key: streamKeys(streams[0] as StreamRef).log, packed: pack.packed() };
}

/** The number of a stream in a call, from 1. */
function numberIn(numbers: Map<string, number>, streams: StreamRef[], stream: StreamRef): number {
  const name = streamName(stream);
  let number = numbers.get(name);
  if (number === undefined) numbers.set(name, (number = streams.push(stream)));
  return number;
}

/** It comes into its sender's own inbox too. */
export const hasCopy = ({ stream, sender }: Append): boolean => {
  const owner = ownerOf(stream);
  return owner !== undefined && owner !== sender.userId;
};

const OK = 'ok ';
const FAILED = 'failed ';

/** `ok seq n copy's-seq copy's-n prev TAB copy's-prev`, and behind a TAB followers. */
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

/** Behind the first TAB from there on. */
function followersOf(line: string, from: number): InstanceId[] | undefined {
  const tab = line.indexOf('\t', from);
  if (tab === -1) return undefined;
  return tab + 1 === line.length ? [] : (line.slice(tab + 1).split(' ') as InstanceId[]);
}

function answerOf(line: string, storedAt: number, cause: unknown): AppendAnswer | Older {
  // Nearly all of them.
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
