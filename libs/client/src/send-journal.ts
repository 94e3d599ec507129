import type { ProducerId, UserId } from '@cim/protocol';
import type { SendOutcome } from './events.ts';

/** A send that was unanswered when its process ended. */
export interface SavedSend {
  /** Its number in this installation. */
  readonly ref: number;
  /** A user; 0 for a group. */
  readonly to: number;
  /** A group, or ''. */
  readonly group: string;
  /** When it was offered [ms since 1970]. */
  readonly offeredAt: number;
  /**
   * When the newest entry that the client had received was stored [ms, the store's clock]; 0: none was
   * received.
   */
  readonly after: number;
  /** The encoded content, as it is sent. */
  readonly content: Uint8Array;
  /**
   * Its producer; no other content ever has this producer and counter. '' and 0 in a journal of an older
   * version, for a send that was never written.
   */
  readonly producer: ProducerId | '';
  /** Counts the sends of the producer to one stream, from 1. */
  readonly counter: number;
}

/** A change in the state of a send. */
export type SendRecord =
  /** Recorded before the send is written: content and number are one record. */
  | ({ readonly kind: 'offered' } & SavedSend)
  /** It was not stored under its number and has another one. */
  | {
      readonly kind: 'numbered';
      readonly ref: number;
      readonly producer: ProducerId | '';
      readonly counter: number;
    }
  /** It was answered, or given back. */
  | { readonly kind: 'settled'; readonly ref: number; readonly outcome?: SendOutcome };

/** Where unanswered sends survive a crash of the process. */
export interface SendJournal {
  /** The sends that the user's earlier processes have left, in the order offered. Called once, after `load`. */
  open(user: UserId): readonly SavedSend[] | Promise<readonly SavedSend[]>;
  /**
   * Stores a record. When the call with `offered` or `numbered` returns, or when its promise ends, everything
   * before is stored; until then the send is not written to a connection. Never throws.
   */
  note(record: SendRecord): Promise<void> | undefined;
}

/** The sends that result from the records of a journal. */
export class SendLedger {
  /** Key: ref. In the order offered. Removed when settled. */
  readonly #sends = new Map<number, SavedSend>();
  #bytes = 0;

  /** Bytes of the stored contents. */
  get bytes(): number {
    return this.#bytes;
  }

  apply(record: SendRecord): void {
    switch (record.kind) {
      case 'offered': {
        this.#sends.set(record.ref, record);
        this.#bytes += record.content.length;
        return;
      }
      case 'numbered': {
        const send = this.#sends.get(record.ref);
        const { producer, counter } = record;
        if (send !== undefined) this.#sends.set(record.ref, { ...send, producer, counter });
        return;
      }
      case 'settled':
        this.#bytes -= this.#sends.get(record.ref)?.content.length ?? 0;
        this.#sends.delete(record.ref);
    }
  }

  saved(): readonly SavedSend[] {
    return [...this.#sends.values()];
  }

  /** The shortest journal with the same result. */
  *records(): Iterable<SendRecord> {
    for (const send of this.#sends.values()) yield { ...send, kind: 'offered' };
  }
}
