import type { Code, NamedUser, ProducerId, Seq, StreamRef } from '@cim/protocol';
import type { SendDoor } from '@cim/runtime';
import type { GroupOperation, GroupProblem, Stored } from '@cim/store';
import type { Online } from './delivery.ts';

export interface SendRequest {
  /** The door through which the send came in. */
  readonly door: SendDoor;
  readonly actor: NamedUser;
  readonly to: StreamRef;
  /** An encoded Content, not checked yet. */
  readonly content: Uint8Array;
  readonly producer: ProducerId;
  /** The counter from 1 on, or 0 for a send without a counter, as in `Append`. */
  readonly counter: number;
  readonly again?: boolean | undefined;
  readonly rememberMs?: number | undefined;
  /**
   * The session that sent the message, if there is one. Its receipt tells it of the copy, so the copy is not
   * pushed to it.
   */
  readonly origin?: object | undefined;
  /**
   * Whether to try again for half a second while the store does not answer, because the caller cannot repeat
   * the send.
   */
  readonly insist?: boolean | undefined;
  /** The change that a content of type `member` makes. Only servers write such contents. */
  readonly operation?: GroupOperation | undefined;
}

export type SendReceipt =
  | {
      /** The message is on disk. */
      readonly outcome: 'stored';
      readonly seq: Seq;
      /** For an inbox: whether its user has a live session. For a group: true. */
      readonly online: Online;
      /** The number `n` of the entry, as in `Stored`; 0 when an earlier send had stored it. */
      readonly n: number;
      /** When the entry was stored [ms, the store's clock]; 0 when an earlier send had stored it. */
      readonly storedAt: number;
      /** The copy in the sender's own inbox. Undefined: there is none, or an earlier send had stored it. */
      readonly copy?: Stored | undefined;
      /** An encoded Content: what was stored in place of what was sent. Undefined: what was sent, or it is not known. */
      readonly content?: Uint8Array | undefined;
    }
  | {
      readonly outcome: 'retry';
      readonly code: Code;
      readonly text: string;
      /** The sender should wait this long before it tries again [ms]. */
      readonly afterMs?: number;
    }
  | {
      readonly outcome: 'refused';
      readonly code: Code;
      readonly text: string;
      /** Why the group refused it. */
      readonly problem?: GroupProblem;
    }
  | { readonly outcome: 'gap'; readonly last: number }
  /** As `AppendAnswer` has it: whether it was stored before is not known. */
  | { readonly outcome: 'unknown-producer' };

export type Refused = Extract<SendReceipt, { readonly outcome: 'refused' }>;
