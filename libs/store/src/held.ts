/** Messages that wait for a decision before they are stored (docs/business.md, "Held messages"). */
import type { NamedUser, ProducerId, StreamRef } from '@cim/protocol';

export const HELD = {
  /** A decided message is remembered for this long [ms]: a send that is repeated gets the same answer, and is not held again. */
  pastMs: 7 * 24 * 3_600_000,
  /** Most messages of one sender that may wait. */
  mostOfSender: 100,
} as const;

export interface NewHeld {
  /** Derived from the send, so that a repeated send has the same. The message is stored under this producer with counter 0. */
  readonly id: ProducerId;
  readonly sender: NamedUser;
  readonly to: StreamRef;
  /** An encoded Content, opaque to the store: what is stored when the message is allowed. */
  readonly content: Uint8Array;
  /** In words for the person who decides; may be empty. */
  readonly reason: string;
}

export interface HeldMessage extends NewHeld {
  /** ms since 1970, the store's clock. */
  readonly heldAt: number;
}

export type HeldVerdict = 'allow' | 'refuse';

export interface Held {
  /**
   * Holds a message; it is on disk when the call is answered. `known`: it was held before, whatever became of it.
   * `full`: as many messages wait, of all or of this sender, as may be.
   * @param most messages of all senders that may wait, or be allowed and not stored yet
   */
  add(message: NewHeld, most: number): Promise<'ok' | 'known' | 'full'>;
  /**
   * Whether a message was held, whatever became of it; for `HELD.pastMs` after it was decided. A held message is on disk when
   * the call is answered.
   */
  knows(id: ProducerId): Promise<boolean>;
  /** The messages that wait for a decision, the oldest first. */
  list(limit: number): Promise<{ readonly items: readonly HeldMessage[]; readonly waiting: number }>;
  /**
   * Decides about a message that waits; undefined: none with this id waits. One that is allowed is among `allowed` until it
   * is settled. The content of one that is refused is forgotten.
   */
  decide(id: ProducerId, verdict: HeldVerdict): Promise<HeldMessage | undefined>;
  /** Messages that are allowed and not settled, the oldest decision first. Cheap when there is none. */
  allowed(limit: number): Promise<readonly HeldMessage[]>;
  /** An allowed message is in its stream, or never will be. False: it was settled before. */
  settle(id: ProducerId): Promise<boolean>;
}
