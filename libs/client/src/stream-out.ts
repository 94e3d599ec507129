import { Backoff } from '@cim/runtime/backoff';
import type { MessageId, ProducerId, Seq } from '@cim/protocol';
import type { WireRecipient } from './recipient.ts';
import type { SendRecord } from './send-journal.ts';
import type { Cancel } from './timers.ts';

/** The outcome of a send. */
export type Settled =
  | {
      readonly outcome: 'stored';
      readonly id: MessageId;
      /** 0 when it is stored but its seq is not known. */
      readonly seq: Seq;
      /** `n` of the entry; 0 when it is not known. */
      readonly n: number;
      readonly producer: ProducerId;
      readonly counter: number;
    }
  | { readonly outcome: 'refused'; readonly code: string; readonly text: string }
  | { readonly outcome: 'unknown'; readonly text: string };

/** An unanswered send. */
export interface SendItem {
  readonly ref: number;
  readonly content: Uint8Array;
  readonly settle: (settled: Settled) => void;
  /** Given when the send is offered, and kept for every repetition. */
  producer: ProducerId;
  counter: number;
  /** Whether an earlier process has left it. */
  readonly restored: boolean;
  /** Whether it may have been written under its number before. */
  again: boolean;
  /** Whether it was written exactly once under its number: an answer that it is not stored is then certain. */
  once: boolean;
  /** Number of its records that are not stored yet. Until then it is not written. */
  unsaved: number;
  /** When it was written, by the outbox's `now`; undefined while it is not written. */
  writtenAt: number | undefined;
  /** When it was offered, by the outbox's `now`. */
  readonly offeredAt: number;
  /** When it was offered [ms since 1970]. */
  readonly offeredTime: number;
  /** When the newest entry received by then was stored [ms, the store's clock]; 0: none was. */
  readonly after: number;
}

/** The parts of the outbox that a stream uses. */
export interface StreamOutParts {
  /**
   * The producer for sends after a counter that will never be stored. The same arguments give the same
   * producer.
   */
  producerAfter(producer: ProducerId, counter: number): ProducerId;
  note(item: SendItem, record: SendRecord): void;
  /** The item is to be written again. */
  unwrite(item: SendItem): void;
  /** Random numbers from 0 to 1, for jitter. */
  random(): number;
}

/** Allowed difference between the clocks of client and store [ms]. */
const CLOCKS_MS = 24 * 3_600_000;
/** Allowed difference between the clocks of two of the store's servers [ms]. */
const STORE_CLOCKS_MS = 60_000;

/** The unanswered sends to one recipient, in order, and their numbers. */
export class StreamOut {
  readonly recipient: WireRecipient;
  /** Sends in order. Those of one producer are adjacent, with counters that ascend by one. */
  readonly items: SendItem[] = [];
  /** Set while a repetition waits. Nothing of the stream is written meanwhile. */
  pause: Cancel | undefined;
  /**
   * Set while the client asks what the stream holds of this producer. Nothing of the stream is written
   * meanwhile.
   */
  doubt: ProducerId | undefined;
  readonly backoff: Backoff;
  readonly #parts: StreamOutParts;
  /** Producer of the next offered send. */
  #producer: ProducerId;
  /** The last counter given under `#producer`. */
  #counter = 0;

  constructor(recipient: WireRecipient, producer: ProducerId, parts: StreamOutParts) {
    this.recipient = recipient;
    this.#producer = producer;
    this.#parts = parts;
    this.backoff = new Backoff(100, 5_000, () => parts.random());
  }

  nextNumber(): { producer: ProducerId; counter: number } {
    return { producer: this.#producer, counter: ++this.#counter };
  }

  /** Gives new numbers to all unanswered sends, and to later ones. */
  renew(): void {
    const [first] = this.items;
    if (first !== undefined) this.renumber(first.producer, first.counter - 1);
    else this.renumber(this.#producer, this.#counter);
  }

  /**
   * A counter of a producer will never be stored: the sends behind it get numbers under another producer id.
   * @param mayBeThere whether an earlier process, whose journal has lost it, may have sent them under these
   * numbers
   */
  renumber(producer: ProducerId, counter: number, mayBeThere = true): void {
    const after = this.#parts.producerAfter(producer, counter);
    for (const item of this.items) {
      if (item.producer !== producer || item.counter <= counter) continue;
      this.#parts.unwrite(item);
      item.producer = after;
      item.counter -= counter;
      item.again = item.restored && mayBeThere;
      item.once = false;
      this.#parts.note(item, { kind: 'numbered', ref: item.ref, producer: after, counter: item.counter });
    }
    if (this.#producer === producer) {
      this.#producer = after;
      this.#counter -= counter;
    }
  }

  /** The connection is gone. */
  shut(): void {
    this.pause?.();
    this.pause = undefined;
    // The producer's sends are written again, and answered again.
    this.doubt = undefined;
  }
}

/**
 * Whether an item that the stream does not hold may have been stored and trimmed since. If the client had
 * received an entry before it offered the item, the store's own clock decides: the item was stored after that
 * entry.
 * @param oldestAt when the oldest entry in the stream was stored; 0: nothing was ever trimmed
 */
export function mayBeTrimmed({ again, after, offeredTime }: SendItem, oldestAt: number): boolean {
  if (oldestAt === 0 || !again) return false;
  return after > 0 ? oldestAt > after - STORE_CLOCKS_MS : oldestAt > offeredTime - CLOCKS_MS;
}
