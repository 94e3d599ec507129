import type { Code, NamedUser, ProducerId, Seq, StreamRef } from '@cim/protocol';
import type { SendDoor } from '@cim/runtime';
import type { GroupOperation, GroupProblem, Stored } from '@cim/store';
import type { Online } from './delivery.ts';

export interface SendRequest {
  /** How it came in. */
  readonly door: SendDoor;
  readonly actor: NamedUser;
  readonly to: StreamRef;
  /** An encoded Content; not checked yet. */
  readonly content: Uint8Array;
  readonly producer: ProducerId;
  /** From 1; 0 for a send that is not counted: as in `Append`. */
  readonly counter: number;
  readonly again?: boolean | undefined;
  readonly rememberMs?: number | undefined;
  /** The session that sent it, if it has one: its receipt tells it of the copy, so that the copy is not pushed to it. */
  readonly origin?: object | undefined;
  /** While the store does not answer, try again for half a second: the caller cannot repeat it. */
  readonly insist?: boolean | undefined;
  /** Of a content of type `member`, which servers alone write: what it changes. */
  readonly operation?: GroupOperation | undefined;
}

export type SendReceipt =
  | {
      /** On disk. */
      readonly outcome: 'stored';
      readonly seq: Seq;
      /** Of an inbox, whether its user has a live session; true for a group. */
      readonly online: Online;
      /** As in `Stored`; 0 when the send was stored before. */
      readonly n: number;
      /** ms, the store's clock; 0 when the send was stored before. */
      readonly storedAt: number;
      /** The copy in the sender's own inbox; undefined: there is none, or the send was stored before. */
      readonly copy?: Stored | undefined;
    }
  | {
      readonly outcome: 'retry';
      readonly code: Code;
      readonly text: string;
      /** Not before that. */
      readonly afterMs?: number;
    }
  | {
      readonly outcome: 'refused';
      readonly code: Code;
      readonly text: string;
      /** What the group had against it. */
      readonly problem?: GroupProblem;
    }
  | { readonly outcome: 'gap'; readonly last: number }
  /** As `AppendAnswer` has it: whether it was stored before is not known. */
  | { readonly outcome: 'unknown-producer' };
