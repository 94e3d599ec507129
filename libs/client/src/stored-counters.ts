import { isGroupId, isUserId, ofStream, type ProducerId, streamOfName, type wire } from '@cim/protocol';
import { type WireRecipient, wireRecipientOf } from './recipient.ts';
import type { SavedState } from './state.ts';

/** A loss: the store no longer has the counters `from` to `upTo`, which it had answered as stored. */
export interface Loss {
  readonly recipient: WireRecipient;
  readonly from: number;
  readonly upTo: number;
}

interface Newest {
  readonly recipient: WireRecipient;
  readonly producer: ProducerId;
  readonly counter: number;
  /** Highest possible seq in the recipient's stream; 0 when it is not known. */
  readonly seq: number;
  /** When it was answered [ms since 1970]. */
  readonly at: number;
}

/** Most streams that are asked about, and for how long after a send. */
const ASKED = 64;
const ASKED_MS = 24 * 3_600_000;

/**
 * The newest counter of each stream that was answered as stored. The client asks the store whether it still
 * has them. So a store that was restored from a backup, or lost data at a failover, is noticed although
 * nobody sends.
 */
export class StoredCounters {
  /** Key: stream name; the stream written last is at the end. The oldest is removed when there are 64. */
  readonly #newest = new Map<string, Newest>();
  /** Key: stream name. Questions of this connection that are not answered. */
  readonly #asked = new Map<string, Newest>();
  readonly #time: () => number;

  /** @param time the time [ms since 1970] */
  constructor(saved: SavedState['stored'], time: () => number) {
    this.#time = time;
    const known = Object.entries(saved).sort(([, a], [, b]) => a.at - b.at);
    for (const [stream, newest] of known) {
      const recipient = recipientNamed(stream);
      if (recipient !== undefined) this.#newest.set(stream, { recipient, ...newest });
    }
  }

  /** Notes that a send was answered as stored. */
  stored(recipient: WireRecipient, producer: ProducerId, counter: number, seq: number): void {
    const known = this.#newest.get(recipient.stream);
    if (known?.producer === producer && known.counter >= counter) return;
    this.#newest.delete(recipient.stream);
    this.#newest.set(recipient.stream, { recipient, producer, counter, seq, at: this.#time() });
    if (this.#newest.size <= ASKED) return;
    for (const oldest of this.#newest.keys()) {
      this.#newest.delete(oldest);
      return;
    }
  }

  /** The question to ask, newest first; undefined when there is nothing to ask. */
  question(): wire.Counters | undefined {
    this.#asked.clear();
    const since = this.#time() - ASKED_MS;
    const lately = [...this.#newest].filter(([, { at }]) => at >= since).reverse();
    for (const [stream, newest] of lately) this.#asked.set(stream, newest);
    if (lately.length === 0) return undefined;
    return {
      counters: lately.map(([, { recipient, producer, counter, seq }]) => ({
        to: recipient.to,
        group: recipient.group,
        producer,
        counter,
        seq,
        unknown: false,
      })),
    };
  }

  /** Whether an answer is missing. */
  get asking(): boolean {
    return this.#asked.size > 0;
  }

  /** Takes the counters that the store has. Each loss is answered once. */
  answer({ counters }: wire.Counters): Loss[] {
    const losses: Loss[] = [];
    for (const has of counters) {
      const stream = has.to === 0 ? `group:${has.group}` : `inbox:${has.to}`;
      const [asked, newest] = [this.#asked.get(stream), this.#newest.get(stream)];
      if (asked?.producer !== has.producer || newest?.producer !== has.producer) continue;
      // More may have been stored since, or fewer be left, as a gap has shown.
      if (has.unknown || has.counter >= Math.min(asked.counter, newest.counter)) continue;
      losses.push({ recipient: newest.recipient, from: has.counter + 1, upTo: newest.counter });
      this.#lower(stream, newest, has.counter);
    }
    this.#asked.clear();
    return losses;
  }

  /** Notes that the store has at most `last` of a producer. Undefined when no more was stored. */
  gap(recipient: WireRecipient, producer: ProducerId, last: number): Loss | undefined {
    const newest = this.#newest.get(recipient.stream);
    if (newest?.producer !== producer || newest.counter <= last) return undefined;
    this.#lower(recipient.stream, newest, last);
    return { recipient, from: last + 1, upTo: newest.counter };
  }

  /** The counters for the saved state, so that the next process asks about them. */
  saved(): SavedState['stored'] {
    return Object.fromEntries(
      [...this.#newest].map(([stream, { producer, counter, seq, at }]) => [
        stream,
        { producer, counter, seq, at },
      ]),
    );
  }

  #lower(stream: string, newest: Newest, counter: number): void {
    if (counter === 0) this.#newest.delete(stream);
    else this.#newest.set(stream, { ...newest, counter, seq: 0 });
  }
}

/** The recipient with this stream name; undefined for an unknown form of name. */
function recipientNamed(name: string): WireRecipient | undefined {
  return ofStream(
    streamOfName(name),
    (user) => (isUserId(user) ? wireRecipientOf(user, '') : undefined),
    (group) => (isGroupId(group) ? wireRecipientOf(0, group) : undefined),
  );
}
