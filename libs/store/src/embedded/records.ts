/** What the database holds under its keys, as JSON. Entries alone are binary (`entry-row.ts`). */
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

export interface BansRecord {
  readonly bans: readonly BanRecord[];
}

/** One that is active, or has ended within the last day. */
export interface BanRecord {
  readonly subject: Subject;
  /** ms since 1970. */
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
}

/** Of one user: whose private messages it does not take; ascending. */
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
  /** Whether its claim ends the sessions of all other devices, too. */
  readonly one: 'user' | 'device';
  /** When it logged in last, or left, in ms; 0: in a version that did not note it. */
  readonly seenAt: number;
  readonly epoch: Epoch;
  /** `replaced`: a login of another device has ended it. */
  readonly state: Session['state'] | 'replaced';
  readonly instance: InstanceId;
  readonly secretHash: string;
  /** Of epochs before, as long as they count; newest first. */
  readonly olderHashes: readonly string[];
  /** When the lives of `secretHash` and of `olderHashes` began, in ms; absent: the version before did not note it. */
  readonly createdAt?: number | undefined;
  readonly olderCreatedAt?: number | undefined;
  /** While `issued`: until when, in ms. */
  readonly until: number;
  /** While `live`: the attempt that claimed it. */
  readonly claim: string;
  /** Of an issued login the live session of its device before it; of a live session those that it has replaced. */
  readonly previous: readonly SessionAt[];
}

/** As format 1 has it: a user had one session. It is replaced with the next change of the user's sessions. */
export interface SessionRecord1
  extends Pick<DeviceRecord, 'userName' | 'epoch' | 'instance' | 'secretHash' | 'until' | 'claim'> {
  readonly state: Session['state'];
  readonly olderHashes?: readonly string[];
  readonly previous?: Omit<SessionAt, 'device'> | undefined;
}

/** The highest cursor of any device of a user in a stream, and that of each device. Format 1 has the first alone. */
export interface CursorRecord extends Cursor {
  readonly devices?: readonly (Cursor & { readonly device: DeviceId })[];
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
  /** Content bytes of all entries ever, but for copies. */
  readonly bytes: number;
  /** How many copies of its user's own messages an inbox has had. */
  readonly copies: number;
  /**
   * Of an inbox: up to here nothing waits for its user. An entry before it is acked, was trimmed for its age, or is a copy
   * that came when nothing waited.
   */
  readonly settled: Seq;
  /** Of `bytes` and `copies`, what lies up to `settled`: the difference is what waits, or lies among it. */
  readonly settledBytes: number;
  readonly settledCopies: number;
  /** How many entries that count as unread the stream has had since it was first written by a version that counts them. */
  readonly shown: number;
  /** The newest of them, and when it was stored [ms]; 0: there is none. */
  readonly shownSeq: Seq;
  readonly shownAt: number;
  /** The newest entry that is in the index of events; 0: there is none. */
  readonly lastEvent: Seq;
  /** Whether producers of it were forgotten. */
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
/** As format 1 has it. */
export type StreamRecord1 = Omit<StreamRecord, Counted> & {
  readonly [Field in Counted]?: StreamRecord[Field] | undefined;
};

/** In the index of events, under the seq of the entry. */
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
  /** When it is forgotten, in ms. */
  readonly until: number;
}

/** Scheduled messages of a user, but for their contents; refused ones too. */
export interface ScheduledRecord {
  readonly messages: readonly ScheduledRow[];
}

export interface ScheduledRow {
  readonly id: ProducerId;
  /** ms since 1970, as all times here. */
  readonly sendAt: number;
  /** When it was claimed first; 0: it never was. */
  readonly tried: number;
  readonly refused?: { readonly at: number; readonly code: string; readonly text: string };
}

/** What a scheduled message says, under the user and its id. */
export interface ScheduledContentRecord {
  readonly sender: string;
  /** Name of the stream. */
  readonly to: string;
  /** base64 */
  readonly content: string;
}

/** A request to schedule a message, under the user and its idempotency key. */
export interface ScheduledKeyRecord {
  readonly id: ProducerId;
  readonly sendAt: number;
  readonly digest: string;
  /** When it is forgotten, in ms. */
  readonly until: number;
}

/** How many messages of all users wait to be sent, and how many refused ones are listed. */
export interface ScheduledCountRecord {
  readonly waiting: number;
  readonly refused: number;
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
  /** It is gone for everybody. The record stays, so that nobody gets its id. */
  readonly disbanded?: true;
}

/** One member of a group: what counts. */
export interface MemberRecord {
  readonly userName: string;
  readonly role: Role;
  readonly muted: boolean;
  readonly joined: Seq;
  readonly joinedN: number;
}

/** Of one user: groups to ask. One that is gone, or has the user no longer, is passed over. */
export interface MembershipsRecord {
  readonly groups: readonly GroupId[];
  /** Memberships that have ended, oldest first. A version before this one has none. */
  readonly stays?: readonly StayRecord[];
}

export interface StayRecord extends Stay {
  /** When it ended [ms since 1970]. */
  readonly at: number;
}

/** Read mark of one user in one group. */
export interface MarkRecord {
  readonly n: number;
}

/** A group that was disbanded and whose members are still to be removed. */
export interface ClearingRecord {
  readonly group: GroupId;
}

/** Of the rows of a user's conversations. */
export interface FoldRecord {
  readonly revision: number;
  readonly folded: Cursor;
  /** How many rows there are. */
  readonly peers: number;
}

export interface WebhooksRecord {
  /** Counts the changes. */
  readonly revision: number;
  readonly webhooks: readonly Webhook[];
}

/** What the feed of events records. */
export interface FeedOnRecord {
  readonly revision: number;
  readonly kinds: readonly FeedKind[];
  readonly most: number;
}

export interface FeedStateRecord {
  /** Oldest record that is kept; `top` + 1 when there is none. */
  readonly first: number;
  readonly top: number;
  /** Key: a receiver. */
  readonly cursors: Readonly<Record<string, number>>;
}

/** What a relay keeps under a name. */
export interface LetterRecord {
  readonly name: string;
  readonly text: string;
}
