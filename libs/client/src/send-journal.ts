import type { ProducerId, UserId } from '@cim/protocol';
import { wireRecipientOf } from './recipient.ts';

/** By stream name: where counting goes on. */
export type Counters = Readonly<Record<string, { readonly producer: ProducerId; readonly counter: number }>>;

/** A send that was not answered when its process ended. */
export interface SavedSend {
  readonly ref: number;
  /** A user, or 0 and a group. */
  readonly to: number;
  readonly group: string;
  /** ms since 1970. */
  readonly offeredAt: number;
  readonly content: Uint8Array;
  /** 0 when it was never written: then it has no producer either. */
  readonly counter: number;
  readonly producer?: ProducerId;
}

/** What a process left. */
export interface SavedSends {
  /** In the order offered. */
  readonly sends: readonly SavedSend[];
  /** By stream name: where counting goes on. A stream that is not named takes a new producer id. */
  readonly counters: Counters;
}

export type SendRecord =
  | ({ readonly kind: 'offered' } & Omit<SavedSend, 'counter' | 'producer'>)
  /** Before it is written under this number. */
  | {
      readonly kind: 'numbered';
      readonly ref: number;
      readonly producer: ProducerId;
      readonly counter: number;
    }
  /** It was not stored under its number and will get another. */
  | { readonly kind: 'unnumbered'; readonly ref: number }
  /** It was answered, or given back. */
  | { readonly kind: 'settled'; readonly ref: number }
  /** Where a stream's counting stands; counter 0: it takes a new producer id. */
  | {
      readonly kind: 'counting';
      readonly stream: string;
      readonly producer: string;
      readonly counter: number;
    };

/** Where unanswered sends outlive a crash of the process. */
export interface SendJournal {
  /** What the user's process before left; undefined when there was none. Asked once, after `load`. */
  open(user: UserId): SavedSends | undefined;
  /** When it returns from `numbered` or `counting`, all before it is kept. Never throws. */
  note(record: SendRecord): void;
}

const KEPT_STREAMS = 64;

/** What the records of a journal amount to. */
export class SendLedger {
  /** By ref, in the order offered; removed when settled. */
  readonly #sends = new Map<number, SavedSend>();
  /** By stream name, the one used last at the end; the oldest goes when there are 64. */
  readonly #counters = new Map<string, { readonly producer: ProducerId; readonly counter: number }>();
  #bytes = 0;

  /** Of the contents that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  apply(record: SendRecord): void {
    switch (record.kind) {
      case 'offered': {
        const { ref, to, group, offeredAt, content } = record;
        this.#sends.set(ref, { ref, to, group, offeredAt, content, counter: 0 });
        this.#bytes += content.length;
        return;
      }
      case 'numbered': {
        const send = this.#sends.get(record.ref);
        if (send === undefined) return;
        const { producer, counter } = record;
        this.#sends.set(record.ref, { ...send, producer, counter });
        this.#count(wireRecipientOf(send.to, send.group).stream, producer, counter);
        return;
      }
      case 'unnumbered': {
        const send = this.#sends.get(record.ref);
        if (send === undefined) return;
        const { ref, to, group, offeredAt, content } = send;
        this.#sends.set(ref, { ref, to, group, offeredAt, content, counter: 0 });
        return;
      }
      case 'settled':
        this.#bytes -= this.#sends.get(record.ref)?.content.length ?? 0;
        this.#sends.delete(record.ref);
        return;
      case 'counting':
        this.#count(record.stream, record.producer as ProducerId, record.counter);
    }
  }

  /** After records that cannot be read: a number among them would be used twice. */
  forgetCounters(): void {
    this.#counters.clear();
  }

  saved(): SavedSends {
    return { sends: [...this.#sends.values()], counters: Object.fromEntries(this.#counters) };
  }

  /** The shortest journal that amounts to the same. */
  *records(): Iterable<SendRecord> {
    for (const { counter, producer, ...send } of this.#sends.values()) {
      yield { kind: 'offered', ...send };
      if (producer !== undefined) yield { kind: 'numbered', ref: send.ref, producer, counter };
    }
    // What the numbers above say of their streams may be out of date.
    for (const send of this.#sends.values()) {
      const { stream } = wireRecipientOf(send.to, send.group);
      if (!this.#counters.has(stream)) yield { kind: 'counting', stream, producer: '', counter: 0 };
    }
    for (const [stream, { producer, counter }] of this.#counters)
      yield { kind: 'counting', stream, producer, counter };
  }

  #count(stream: string, producer: ProducerId, counter: number): void {
    this.#counters.delete(stream);
    if (counter === 0) return;
    this.#counters.set(stream, { producer, counter });
    if (this.#counters.size <= KEPT_STREAMS) return;
    for (const oldest of this.#counters.keys()) {
      this.#counters.delete(oldest);
      return;
    }
  }
}
