import { contentFacts, copyProducer, inboxOf, type MessageId, ownerOf, type Seq } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { LogScans } from '../log-scans.ts';
import { type Append, type AppendAnswer, type Done, type Entry, type Streams, tell } from '../streams.ts';
import type { AppendBatch } from './append-batch.ts';

type Stored = Extract<AppendAnswer, { outcome: 'ok' | 'duplicate' }>;

/**
 * Makes the sender's copy of a private message where it lies in another shard than the message and needs a
 * call of its own. The message is the commit; its answer waits for the copy. After a crash in between, the
 * copy is made when the send is repeated, or when the next copy of the producer comes: that one is preceded
 * by the missing ones.
 */
export class Copies {
  readonly #appends: AppendBatch;
  readonly #streams: Pick<Streams, 'position'>;
  readonly #scans: LogScans;
  readonly #logger: Logger;
  #open = 0;
  /** Called when no copy is open any more. Emptied then. */
  readonly #onIdle: (() => void)[] = [];

  constructor(appends: AppendBatch, streams: Pick<Streams, 'position'>, scans: LogScans, logger: Logger) {
    this.#appends = appends;
    this.#streams = streams;
    this.#scans = scans;
    this.#logger = logger;
  }

  /** Makes the copy. @param answer of the append of the message; `done` gets it when the copy is made */
  make(item: Append, answer: AppendAnswer, done: Done): void {
    if (answer.outcome !== 'ok' && answer.outcome !== 'duplicate') return tell(done, answer, this.#logger);
    this.#open++;
    const onCopied = (copied: AppendAnswer): void => {
      if (copied.outcome === 'gap') void this.#makeGood(item, answer, copied.last, done);
      else this.#end(answer, copied, done);
    };
    this.#appends.add(copyOf(item), onCopied, answer.outcome === 'ok' ? 'new' : 'again');
  }

  /** Resolves when every copy is made. */
  idle(): Promise<void> {
    if (this.#open === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #end(answer: Stored, copied: AppendAnswer, done: Done): void {
    this.#open--;
    const failed = copied.outcome === 'retry' ? copied : undefined;
    const hasCopy = copied.outcome === 'ok' && answer.outcome === 'ok';
    tell(done, failed ?? (hasCopy ? { ...answer, copy: copied } : answer), this.#logger);
    if (this.#open === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** Makes the missing copies after counter `last` (-1: not known), then this one. */
  async #makeGood(item: Append, answer: Stored, last: number, done: Done): Promise<void> {
    let missing: Append[];
    try {
      const made = last === -1 ? await this.#lastMade(item, answer) : last;
      if (made === 'made') return this.#end(answer, { outcome: 'full' }, done);
      missing = item.counter === 0 ? [] : await this.#between(item, answer.seq, made);
    } catch (cause) {
      return this.#end(answer, { outcome: 'retry', cause }, done);
    }
    // The calls go to one shard one after the other, so they are carried out in this order.
    const made = [...missing, item].map(
      (one) => new Promise<AppendAnswer>((resolve) => this.#appends.add(copyOf(one), resolve, 'behind')),
    );
    const copies = await Promise.all(made);
    const failed = copies.find(({ outcome }) => outcome === 'retry');
    this.#end(answer, failed ?? copies.at(-1) ?? { outcome: 'full' }, done);
  }

  /**
   * The counter of the last copy that was made for the producer of an item, as the sender's own log tells. No
   * record tells of copies made where one server holds all shards, or of a forgotten producer. `made`: the
   * copy of the item is there, or may have been trimmed.
   */
  async #lastMade(item: Append, { outcome }: Stored): Promise<number | 'made'> {
    const { stream, producer } = copyOf(item);
    const { first, top } = await this.#streams.position(stream);
    const newest = await this.#scans.newest(
      stream,
      top,
      (entry) =>
        entry.producer === producer &&
        entry.sender.userId === item.sender.userId &&
        entry.counter > 0 === item.counter > 0,
    );
    if (newest !== undefined) return newest.counter >= item.counter ? 'made' : newest.counter;
    if (first === 1) return 0;
    return outcome === 'duplicate' ? 'made' : item.counter - 1;
  }

  /**
   * The sends that the producer of the item at `seq` has stored after counter `last`, as far as the log keeps
   * them, ascending.
   */
  async #between(item: Append, seq: Seq, last: number): Promise<Append[]> {
    const { sender, producer, counter } = item;
    const found: Append[] = [];
    const isOf = (entry: Entry): boolean =>
      entry.producer === producer && entry.sender.userId === sender.userId && entry.counter > 0;
    await this.#scans.scan(item.stream, seq - 1, (page, below) => {
      for (const entry of page.toReversed()) {
        if (!isOf(entry) || entry.counter >= counter) continue;
        // An entry without an n was stored by the version before, which made no copies.
        if (entry.counter <= last || entry.n === 0) return 0;
        const { ref, event, unread } = contentFacts(entry.content);
        const about = event ? (ref as MessageId) : undefined;
        found.push({ ...item, counter: entry.counter, content: entry.content, silent: !unread, about });
        if (entry.counter === last + 1) return 0;
      }
      return below;
    });
    return found.reverse();
  }
}

const copyOf = (item: Append): Append => {
  const recipient = ownerOf(item.stream);
  return {
    ...item,
    stream: inboxOf(item.sender.userId),
    producer: recipient === undefined ? item.producer : copyProducer(item.producer, recipient),
  };
};
