/** What the database holds under its keys, as JSON. Entries alone are binary (`entry-row.ts`). */
import type { DeviceId, Epoch, InstanceId, MessageId, Seq, StreamRef, UserId, UserName } from '@cim/protocol';
import type { Session, SessionAt } from '../sessions.ts';

/** Written once, when the folder is made; a later product reads it before anything else. */
export interface FormatRecord {
  readonly version: number;
}

/** Of one stream: entries that are missing, which the operator has accepted. */
export interface GapsRecord {
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
}

export interface BatchesRecord {
  readonly count: number;
}

export interface NextUserRecord {
  readonly id: number;
}

export interface AccountRecord {
  readonly userName: UserName;
  readonly passwordHash?: string;
}

export interface NameRecord {
  readonly userId: UserId;
}

export interface SessionRecord {
  readonly userName: string;
  readonly epoch: Epoch;
  readonly device: DeviceId;
  readonly label: string;
  readonly seenAt: number;
  readonly state: Session['state'];
  readonly instance: InstanceId;
  readonly secretHash: string;
  /** Of epochs before, as long as they count; newest first. */
  readonly olderHashes?: readonly string[];
  /** While `issued`: until when, in ms. */
  readonly until: number;
  /** While `live`: the attempt that claimed it. */
  readonly claim: string;
  /** The live session that this one replaces: once it is `live`, had replaced. */
  readonly previous?: SessionAt | undefined;
}

export interface StreamRecord {
  readonly stream: StreamRef;
  /** Oldest entry kept; `top` + 1 when there is none. */
  readonly first: Seq;
  /** When the oldest was stored, or a little later. */
  readonly firstAt: number;
  readonly top: Seq;
  readonly topId: MessageId;
  /**
   * Of the newest, when it was counted: with its id the record of its producer, which has one of its own only when
   * another's entry follows. Most entries of an inbox come from the one who sent the last.
   */
  readonly topDigest?: string | undefined;
  /** Content bytes of all entries ever. */
  readonly bytes: number;
  /** Of those, what is acked or trimmed: the difference is what waits for the user of an inbox. */
  readonly settledBytes: number;
  /** Whether producers of it were forgotten. Absent: an older version wrote it, which did not note that. */
  readonly forgot?: boolean;
}

export interface ProducerRecord {
  readonly counter: number;
  readonly seq: Seq;
  readonly digest: string;
}

export interface KeyedRecord {
  readonly seq: Seq;
  readonly digest: string;
  /** When it is forgotten, in ms. */
  readonly until: number;
}
