import type { ProducerId, UserId } from '@cim/protocol';
import type { SendOutcome } from './events.ts';

/** A send that was not answered when its process ended. */
export interface SavedSend {
  /** Its number in this installation. */
  readonly ref: number;
  /** A user, or 0 and a group. */
  readonly to: number;
  /** A group, or ''. */
  readonly group: string;
  /** ms since 1970. */
  readonly offeredAt: number;
  /** When the newest entry that the client had received was stored [ms, the store's clock]; 0: none was received. */
  readonly after: number;
  /** Encoded, as it goes to the server. */
  readonly content: Uint8Array;
  /** Its number, for ever: no other content has it. '' and 0 in a journal of an older version, for a send that was never written. */
  readonly producer: ProducerId | '';
  /** Counts the sends of the producer to one stream, from 1. */
  readonly counter: number;
}

/** What becomes of a send. */
export type SendRecord =
  /** Before it is written: content and number are one record. */
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

/** Where unanswered sends outlive a crash of the process. */
export interface SendJournal {
  /** What the user's processes before have left, in the order offered. Asked once, after `load`. */
  open(user: UserId): readonly SavedSend[] | Promise<readonly SavedSend[]>;
  /**
   * When it returns from `offered` or `numbered`, or when its promise ends, all before it is kept; until then the send is not
   * written to a connection. Never throws.
   */
  note(record: SendRecord): Promise<void> | undefined;
}

/** What the records of a journal amount to. */
export class SendLedger {
  /** By ref, in the order offered; removed when settled. */
  readonly #sends = new Map<number, SavedSend>();
  #bytes = 0;

  /** Of the contents that are kept. */
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

  /** The shortest journal that amounts to the same. */
  *records(): Iterable<SendRecord> {
    for (const send of this.#sends.values()) yield { ...send, kind: 'offered' };
  }
}
