import { type InstanceId, isChanged, type ProducerId, type Seq, streamName } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { LogScans } from './log-scans.ts';
import { type Append, type AppendAnswer, type Done, type Entry, tell } from './streams.ts';

/** The finding of an adapter about a send whose counter is below the last one of its producer. */
export interface Older {
  readonly outcome: 'older';
  /** Seq of the producer's last entry. */
  readonly seq: Seq;
  /** Counter of the producer's last entry. */
  readonly last: number;
  /** Followers of the group, as in an answer. */
  readonly followers?: readonly InstanceId[];
}

interface Waiting {
  readonly item: Append;
  /** The entry is at this seq or before it: a producer's counters have no gaps. */
  readonly upTo: number;
  readonly followers: readonly InstanceId[] | undefined;
  readonly done: Done;
}

/**
 * Answers sends whose counter is below the last one of their producer. The counter alone does not show that
 * this message is stored: a client that was set back may have used the counter for another message. So the
 * entry is looked up in the log and the contents are compared. One scan answers all such sends of a producer
 * that came in meanwhile, as after a reconnect.
 *
 * | the entry | answer |
 * | --- | --- |
 * | has the same content | `duplicate`, with its seq |
 * | has texts that moderation has changed | `duplicate` if the send may be a repeat, else `unknown-producer`: the sender's own content is not there to compare |
 * | has another content | `conflict` |
 * | is no longer in the log | `unknown-producer`: nothing can show any more that it was this message |
 */
export class Duplicates {
  readonly #scans: LogScans;
  readonly #logger: Logger;
  /** Key: stream, sender, producer. Value: sends that the next scan answers. Removed when none waits. */
  readonly #waiting = new Map<string, Waiting[]>();
  /** Called when no send waits any more. Emptied then. */
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
    // Sends of the same call come in this turn.
    setImmediate(() => void this.#answerAll(key));
  }

  /** Resolves when every send is answered. */
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

  /** @param batch sends of one stream and producer */
  async #answer(batch: readonly Waiting[]): Promise<void> {
    /** Counters, the highest first. */
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
   * Finds entries.
   * @param open counters to find, highest first, with the highest seq where each can be; emptied
   * @param found receives their entries
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
        // Entries of these counters would have come before.
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
  { content, sent = content, again }: Append,
  followers: readonly InstanceId[] | undefined,
  entry: Entry | undefined,
  cause: unknown,
): AppendAnswer {
  if (entry === undefined)
    return cause === undefined ? { outcome: 'unknown-producer' } : { outcome: 'retry', cause };
  if (Buffer.compare(sent, entry.content) !== 0) {
    if (!isChanged(entry.content)) return { outcome: 'conflict' };
    // A client that was set back sends another message under this counter. It is told to choose another one.
    if (again !== true) return { outcome: 'unknown-producer' };
  }
  return { outcome: 'duplicate', seq: entry.seq, ...(followers === undefined ? {} : { followers }) };
}
