/** What the people of a run did and saw, in the order in which they did and saw it. */

/** A text says who sent it, on which lane, and which of that lane it is. A lane is a recipient's name, or `lobby`. */
export interface Payload {
  readonly sender: string;
  readonly lane: string;
  /** From 1, per sender and lane. */
  readonly n: number;
}

export const textOf = ({ sender, lane, n }: Payload): string => `${sender}>${lane}#${n}`;

/** Undefined for a text that `textOf` has not made. */
export function payloadOf(text: string): Payload | undefined {
  const [, sender, lane, n] = /^([^>#]+)>([^>#]+)#([1-9]\d*)(?: |$)/.exec(text) ?? [];
  return sender === undefined || lane === undefined ? undefined : { sender, lane, n: Number(n) };
}

export type JournalEntry =
  | { readonly did: 'sent'; readonly payload: Payload }
  | {
      readonly did: 'answered';
      readonly payload: Payload;
      readonly outcome: 'stored' | 'refused' | 'unknown';
    }
  | {
      readonly did: 'shown';
      /** As it came; a payload is read from it by whoever checks. */
      readonly text: string;
      readonly from: string;
      readonly stream: 'inbox' | 'lobby';
    }
  /** The SDK has said that the store lost something: of this lane for a sender, of this stream for a recipient. */
  | {
      readonly did: 'was-told';
      readonly of: string;
      readonly what: 'lost' | 'reset' | 'expired' | 'skipped';
    };

export interface Journal {
  readonly person: string;
  /** Whether it was there to the end, and so must have been shown everything. */
  readonly stayed: boolean;
  readonly entries: readonly JournalEntry[];
}
