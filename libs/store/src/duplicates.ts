import { type InstanceId, type ProducerId, type Seq, streamName } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { LogScans } from './log-scans.ts';
import { type Append, type AppendAnswer, type Done, type Entry, tell } from './streams.ts';

/** What an adapter finds of a send whose counter is below the last one of its producer. */
export interface Older {
  readonly outcome: 'older';
  /** Where the last one is. */
  readonly seq: Seq;
  /** Counter of the last one. */
  readonly last: number;
  /** As an answer has them. */
  readonly followers?: readonly InstanceId[];
}

interface Waiting {
  readonly item: Append;
  /** The entry is here or before: a producer's counters have no gaps. */
  readonly upTo: number;
  readonly followers: readonly InstanceId[] | undefined;
  readonly done: Done;
}

/**
 * Sends with a counter below the last one of their producer. A counter alone does not show that this message is stored:
 * a client that was set back may have used it for another one. So the entry is looked up in the log and the contents
 * are compared. One scan answers all such sends of a producer that came in meanwhile, as after a reconnect.
 *
 * | the entry | answer |
 * | --- | --- |
 * | has the same content | `duplicate`, with its seq |
 * | has another content | `conflict` |
 * | is not in the log any more | `unknown-producer`: that it was this message can no longer be shown |
 */
export class Duplicates {
  readonly #scans: LogScans;
  readonly #logger: Logger;
  /** Key: stream, sender, producer. What the next scan answers; removed when none waits. */
  readonly #waiting = new Map<string, Waiting[]>();
  /** Called when nothing waits any more. */
  readonly #onIdle: (() => void)[] = [];

  constructor(scans: LogScans, logger: Logger) {
    this.#scans = scans;
    this.#logger = logger;
  }

  check(item: Append, { seq, last, followers }: Older, done: Done): void {
    const { stream, sender, producer, counter } = item;
    const key = `${streamName(stream)} ${sender.userId} ${producer}`;
    const one: Waiting = { item, upTo: seq - (last - counter), followers, done };
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      waiting.push(one);
      return;
    }
    this.#waiting.set(key, [one]);
    // Those of the same call come in this turn.
    setImmediate(() => void this.#answerAll(key));
  }

  /** Resolves when every check has its answer. */
  idle(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  async #answerAll(key: string): Promise<void> {
    for (;;) {
      const batch = this.#waiting.get(key)?.splice(0) ?? [];
      if (batch.length === 0) break;
      await this.#answer(batch);
    }
    this.#waiting.delete(key);
    if (this.#waiting.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** @param batch of one stream and producer */
  async #answer(batch: readonly Waiting[]): Promise<void> {
    /** By counter, the highest first. */
    const open = new Map(
      [...batch].sort((a, b) => b.item.counter - a.item.counter).map((of) => [of.item.counter, of.upTo]),
    );
    const found = new Map<number, Entry>();
    let cause: unknown;
    try {
      await this.#find(batch[0]?.item, open, found);
    } catch (error) {
      cause = error;
    }
    for (const { item, followers, done } of batch) {
      tell(done, answerTo(item, followers, found.get(item.counter), cause), this.#logger);
    }
  }

  /**
   * @param open counters that are looked for, highest first, and where each is at the latest; emptied
   * @param found gets their entries
   */
  async #find(of: Append | undefined, open: Map<number, number>, found: Map<number, Entry>): Promise<void> {
    const highest = open.values().next().value;
    if (of === undefined || highest === undefined) return;
    const { stream, sender, producer } = of;
    await this.#scans.scan(stream, highest, (page, below) => {
      let next = below;
      for (let i = page.length - 1; i >= 0; i--) {
        const entry = page[i];
        if (entry === undefined || !isOf(entry, sender.userId, producer)) continue;
        const { counter, seq } = entry;
        if (open.has(counter)) found.set(counter, entry);
        // Those above it would have come before.
        for (const wanted of open.keys()) {
          if (wanted < counter) {
            next = Math.min(below, seq - (counter - wanted));
            break;
          }
          open.delete(wanted);
        }
        if (open.size === 0) return 0;
      }
      return next;
    });
  }
}

const isOf = (entry: Entry, sender: number, producer: ProducerId): boolean =>
  entry.counter > 0 && entry.producer === producer && entry.sender.userId === sender;

function answerTo(
  { content }: Append,
  followers: readonly InstanceId[] | undefined,
  entry: Entry | undefined,
  cause: unknown,
): AppendAnswer {
  if (entry === undefined)
    return cause === undefined ? { outcome: 'unknown-producer' } : { outcome: 'retry', cause };
  return Buffer.compare(content, entry.content) === 0
    ? { outcome: 'duplicate', seq: entry.seq, ...(followers === undefined ? {} : { followers }) }
    : { outcome: 'conflict' };
}
