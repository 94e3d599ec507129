import { Backoff } from '@cim/runtime/backoff';
import type { MessageId, ProducerId, Seq } from '@cim/protocol';
import type { WireRecipient } from './recipient.ts';
import type { SendRecord } from './send-journal.ts';
import type { Cancel } from './timers.ts';

/** How a send ended. */
export type Settled =
  | {
      readonly outcome: 'stored';
      readonly id: MessageId;
      /** 0 when it is known to be stored, but not where. */
      readonly seq: Seq;
      /** Of the entry; 0 when it is not known. */
      readonly n: number;
      readonly producer: ProducerId;
      readonly counter: number;
    }
  | { readonly outcome: 'refused'; readonly code: string; readonly text: string }
  | { readonly outcome: 'unknown'; readonly text: string };

/** A send that is not answered. */
export interface SendItem {
  readonly ref: number;
  readonly content: Uint8Array;
  readonly settle: (settled: Settled) => void;
  /** Given when it is offered, and kept for every repetition. */
  producer: ProducerId;
  counter: number;
  /** A process before has left it. */
  readonly restored: boolean;
  /** It may have been written under its number before. */
  again: boolean;
  /** It was written under its number once, and never before: an answer that it is not stored is certain. */
  once: boolean;
  /** Notes of it that are not kept yet: until then it is not written. */
  unsaved: number;
  /** Written and not answered; when, by the outbox's `now`. */
  writtenAt: number | undefined;
  /** By the outbox's `now`. */
  readonly offeredAt: number;
  /** ms since 1970. */
  readonly offeredTime: number;
  /** When the newest entry that was received by then was stored [ms, the store's clock]; 0: none was. */
  readonly after: number;
}

/** What a stream needs from the outbox around it. */
export interface StreamOutParts {
  /** For what follows a counter that will never be stored; the same for the same two. */
  producerAfter(producer: ProducerId, counter: number): ProducerId;
  note(item: SendItem, record: SendRecord): void;
  /** The item is to be written again. */
  unwrite(item: SendItem): void;
  /** 0 to 1; for jitter. */
  random(): number;
}

/** The clocks of client and store may differ by so much. */
const CLOCKS_MS = 24 * 3_600_000;
/** The clocks of two of the store's servers may differ by so much. */
const STORE_CLOCKS_MS = 60_000;

/** Sends to one recipient that are not answered, in order, and their numbers. */
export class StreamOut {
  readonly recipient: WireRecipient;
  /** In order; those of one producer stand together, with counters that ascend by one. */
  readonly items: SendItem[] = [];
  /** Set while a repetition waits; nothing of the stream is written meanwhile. */
  pause: Cancel | undefined;
  /** Set while it is asked what the stream holds of this producer; nothing of the stream is written meanwhile. */
  doubt: ProducerId | undefined;
  readonly backoff: Backoff;
  readonly #parts: StreamOutParts;
  /** Of the next send that is offered. */
  #producer: ProducerId;
  /** Last one given under `#producer`. */
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

  /** What is not answered, and what will be offered, gets new numbers. */
  renew(): void {
    const [first] = this.items;
    if (first !== undefined) this.renumber(first.producer, first.counter - 1);
    else this.renumber(this.#producer, this.#counter);
  }

  /**
   * `counter` of a producer will never be stored: those behind it get numbers of their own under another producer id.
   * @param mayBeThere whether a process before, whose journal has lost that, may have sent them under these numbers
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
    // Its sends go again, and are answered again.
    this.doubt = undefined;
  }
}

/**
 * Whether an item that the stream does not hold may have been stored and trimmed since. By the store's own clock if the
 * client had received an entry before it offered the item: then the item was stored after that entry.
 * @param oldestAt when the oldest entry that the stream holds was stored; 0: nothing was ever trimmed
 */
export function mayBeTrimmed({ again, after, offeredTime }: SendItem, oldestAt: number): boolean {
  if (oldestAt === 0 || !again) return false;
  return after > 0 ? oldestAt > after - STORE_CLOCKS_MS : oldestAt > offeredTime - CLOCKS_MS;
}
