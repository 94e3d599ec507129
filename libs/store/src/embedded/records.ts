/** The records that the database holds under its keys, as JSON. Only entries are binary (`entry-row.ts`). */
import type {
  DeviceId,
  Epoch,
  GroupId,
  InstanceId,
  MessageId,
  ProducerId,
  Seq,
  StreamRef,
  UserId,
  UserName,
} from '@cim/protocol';
import type { ApiKey } from '../api-keys.ts';
import type { Subject } from '../bans.ts';
import type { FeedKind } from '../event-feed.ts';
import type { JoinPolicy, Role, Stay } from '../groups.ts';
import type { Session, SessionAt } from '../sessions.ts';
import type { Cursor } from '../streams.ts';
import type { Webhook } from '../webhooks.ts';

/** Written once, when the folder is made. Later versions read it before all else. */
export interface FormatRecord {
  readonly version: number;
}

/** Missing entries of one stream that the operator has accepted. */
export interface GapsRecord {
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
}

export interface BatchesRecord {
  readonly count: number;
}

export interface BansRecord {
  readonly bans: readonly BanRecord[];
}

/** A ban that is active or ended within the last day. */
export interface BanRecord {
  readonly subject: Subject;
  /** When it ends [ms since 1970]. */
  readonly until: number;
  readonly begun: number;
  readonly step: number;
  readonly reason: string;
}

export interface NextUserRecord {
  readonly id: number;
}

export interface AccountRecord {
  readonly userName: UserName;
  readonly passwordHash?: string;
  readonly subject?: string;
  /** Its id is not of our numbering: the account was adopted from another system. */
  readonly adopted?: true;
}

/** The users whose private messages this user has blocked, ascending. */
export interface BlocksRecord {
  readonly users: readonly UserId[];
}

export interface ApiKeysRecord {
  readonly keys: readonly ApiKey[];
}

export interface NameRecord {
  readonly userId: UserId;
}

/** The sessions of a user, one per device. */
export interface SessionsRecord {
  readonly devices: readonly DeviceRecord[];
}

export interface DeviceRecord {
  readonly userName: string;
  readonly device: DeviceId;
  readonly label: string;
  /** Whether its claim also ends the sessions of all other devices. */
  readonly one: 'user' | 'device';
  /** When the device last logged in or left [ms]; 0: the version before did not note it. */
  readonly seenAt: number;
  readonly epoch: Epoch;
  /** `replaced`: a login of another device has ended it. */
  readonly state: Session['state'] | 'replaced';
  readonly instance: InstanceId;
  readonly secretHash: string;
  /** Hashes of older secrets that are still valid, newest first. */
  readonly olderHashes: readonly string[];
  /**
   * When the lives of `secretHash` and of `olderHashes` began [ms]; absent: the version before did not note
   * it.
   */
  readonly createdAt?: number | undefined;
  readonly olderCreatedAt?: number | undefined;
  /** For `issued`: when the login lapses [ms]. */
  readonly until: number;
  /** For `live`: the attempt that claimed it. */
  readonly claim: string;
  /**
   * For an issued login: the live session of its device before it. For a live session: the sessions that it
   * has replaced.
   */
  readonly previous: readonly SessionAt[];
}

/** The record of format 1: a user had one session. The next change of the user's sessions replaces it. */
export interface SessionRecord1
  extends Pick<DeviceRecord, 'userName' | 'epoch' | 'instance' | 'secretHash' | 'until' | 'claim'> {
  readonly state: Session['state'];
  readonly olderHashes?: readonly string[];
  readonly previous?: Omit<SessionAt, 'device'> | undefined;
}

/**
 * The highest cursor of any device of a user in a stream, and the cursor of each device. Format 1 has the
 * first only.
 */
export interface CursorRecord extends Cursor {
  readonly devices?: readonly (Cursor & { readonly device: DeviceId })[];
}

export interface StreamRecord {
  readonly stream: StreamRef;
  /** The oldest entry that is kept; `top` + 1 when there is none. */
  readonly first: Seq;
  /** When the oldest entry was stored, or a little later. */
  readonly firstAt: number;
  readonly top: Seq;
  readonly topId: MessageId;
  /**
   * Digest of the newest entry, when it was counted. With its id this is the record of its producer, which
   * gets a record of its own only when an entry of another producer follows. Most entries of an inbox come
   * from the sender of the one before.
   */
  readonly topDigest?: string | undefined;
  /** Content bytes of all entries ever, without copies. */
  readonly bytes: number;
  /** Number of copies of its user's own messages that an inbox ever had. */
  readonly copies: number;
  /**
   * For an inbox: up to this entry nothing waits for its user. Each entry up to it is acked, was trimmed for
   * its age, or is a copy that came when nothing waited.
   */
  readonly settled: Seq;
  /** The part of `bytes` and `copies` up to `settled`. The difference is what waits, or lies among it. */
  readonly settledBytes: number;
  readonly settledCopies: number;
  /** Number of entries that count as unread, since a version that counts them first wrote the stream. */
  readonly shown: number;
  /** The newest entry that counts as unread, and when it was stored [ms]; 0: there is none. */
  readonly shownSeq: Seq;
  readonly shownAt: number;
  /** The newest entry in the index of events; 0: there is none. */
  readonly lastEvent: Seq;
  /** Whether any of its producers was forgotten. */
  readonly forgot: boolean;
}

type Counted =
  | 'copies'
  | 'settled'
  | 'settledCopies'
  | 'shown'
  | 'shownSeq'
  | 'shownAt'
  | 'lastEvent'
  | 'forgot';
/** The record of format 1. */
export type StreamRecord1 = Omit<StreamRecord, Counted> & {
  readonly [Field in Counted]?: StreamRecord[Field] | undefined;
};

/** A row of the index of events, under the seq of the entry. */
export interface EventRecord {
  readonly about: MessageId;
}

export interface ProducerRecord {
  readonly counter: number;
  readonly seq: Seq;
  readonly digest: string;
}

export interface KeyedRecord {
  readonly seq: Seq;
  readonly digest: string;
  /** When it is forgotten [ms]. */
  readonly until: number;
}

/** The scheduled messages of a user, also refused ones, without their contents. */
export interface ScheduledRecord {
  readonly messages: readonly ScheduledRow[];
}

export interface ScheduledRow {
  readonly id: ProducerId;
  /** When it is to be sent [ms since 1970, as all times here]. */
  readonly sendAt: number;
  /** When it was first claimed; 0: never. */
  readonly tried: number;
  readonly refused?: { readonly at: number; readonly code: string; readonly text: string };
}

/** The content of a scheduled message, under the user and its id. */
export interface ScheduledContentRecord {
  readonly sender: string;
  /** Name of the stream that it goes to. */
  readonly to: string;
  /** Base64. */
  readonly content: string;
}

/** A request to schedule a message, under the user and its idempotency key. */
export interface ScheduledKeyRecord {
  readonly id: ProducerId;
  readonly sendAt: number;
  readonly digest: string;
  /** When it is forgotten [ms]. */
  readonly until: number;
}

/** Number of waiting messages of all users, and of listed refused ones. */
export interface ScheduledCountRecord {
  readonly waiting: number;
  readonly refused: number;
}

/** A held message. */
export interface HeldRecord {
  readonly state: 'waiting' | 'allowed';
  /** ms since 1970. */
  readonly heldAt: number;
  /** When it was allowed; 0 while it waits. */
  readonly decidedAt: number;
  readonly sender: UserId;
  readonly name: string;
  /** Name of the stream that it goes to. */
  readonly to: string;
  /** Base64. */
  readonly content: string;
  readonly reason: string;
}

/** Stands for a held message that was decided and settled. */
export interface HeldPastRecord {
  readonly state: 'past';
  /** When it is forgotten [ms]. */
  readonly until: number;
}

/** Number of held messages of all senders. */
export interface HeldCountRecord {
  readonly waiting: number;
  readonly allowed: number;
}

export interface HeldSenderRecord {
  readonly messages: number;
}

export interface LastGroupRecord {
  readonly id: number;
}

export interface GroupRecord {
  readonly name: string;
  readonly category: string;
  readonly join: JoinPolicy;
  readonly owner: UserId;
  readonly members: number;
  readonly version: Seq;
  readonly createdAt: number;
  /** Set when the group is gone for everybody. The record stays, so that no other group gets its id. */
  readonly disbanded?: true;
}

/** One member of a group. This side of a membership is authoritative. */
export interface MemberRecord {
  readonly userName: string;
  readonly role: Role;
  readonly muted: boolean;
  readonly joined: Seq;
  readonly joinedN: number;
}

/**
 * The groups of one user that are asked for the user's membership. Groups that are gone, or no longer have
 * the user, are skipped.
 */
export interface MembershipsRecord {
  readonly groups: readonly GroupId[];
  /** Memberships that have ended, oldest first. The version before has none. */
  readonly stays?: readonly StayRecord[];
}

export interface StayRecord extends Stay {
  /** When it ended [ms since 1970]. */
  readonly at: number;
}

/** The read mark of one user in one group. */
export interface MarkRecord {
  readonly n: number;
}

/** A disbanded group whose members are still to be removed. */
export interface ClearingRecord {
  readonly group: GroupId;
}

/** The state of a user's conversation rows. */
export interface FoldRecord {
  readonly revision: number;
  readonly folded: Cursor;
  /** Number of rows. */
  readonly peers: number;
}

export interface WebhooksRecord {
  /** Number of changes. */
  readonly revision: number;
  readonly webhooks: readonly Webhook[];
}

/** Which events the feed records. */
export interface FeedOnRecord {
  readonly revision: number;
  readonly kinds: readonly FeedKind[];
  readonly most: number;
}

export interface FeedStateRecord {
  /** Oldest record that is kept; `top` + 1 when there is none. */
  readonly first: number;
  readonly top: number;
  /** Key: a receiver. Value: its cursor. */
  readonly cursors: Readonly<Record<string, number>>;
}

export interface PresentRecord {
  readonly user: UserId;
  readonly name: string;
}

/** A text that a relay stores under a name. */
export interface LetterRecord {
  readonly name: string;
  readonly text: string;
}
