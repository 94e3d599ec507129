import type { GroupId, InstanceId, NamedUser, Seq, UserId } from '@cim/protocol';

/** Limits of groups. The lobby has none: its members are all users. */
export const GROUP_LIMITS = {
  members: 100_000,
  groupsOfUser: 1_000,
  /** Most users that one operation adds. */
  addedAtOnce: 100,
  nameCharacters: 64,
  categoryCharacters: 32,
} as const;

export type Role = 'owner' | 'admin' | 'member';
/** `open`: any user may join. `invite`: the owner or an admin adds members. */
export type JoinPolicy = 'open' | 'invite';

export interface Group {
  readonly id: GroupId;
  readonly name: string;
  /** A label to list groups by; '' for none. */
  readonly category: string;
  readonly join: JoinPolicy;
  readonly owner: UserId;
  /** Number of members. */
  readonly members: number;
  /** Seq of the entry that last changed the group or its members. */
  readonly version: Seq;
  /** When it was created [ms, the store's clock]. */
  readonly createdAt: number;
}

export interface Member extends NamedUser {
  readonly role: Role;
  readonly muted: boolean;
  /** Entry of the group's log that made the user a member. The user reads from there on. */
  readonly joined: Seq;
  /** `shown` of the group's stream at the join. */
  readonly joinedN: number;
}

/** A group from the point of view of one of its members. */
export interface Membership {
  readonly group: GroupId;
  readonly name: string;
  readonly category: string;
  readonly role: Role;
  readonly joined: Seq;
  /** `shown` of the group's stream at the join. */
  readonly joinedN: number;
  /** Read mark: the n up to which the user has read. */
  readonly read: number;
}

/** A membership that has ended. Devices that were away still get its entries. */
export interface Stay {
  readonly group: GroupId;
  /** Entry of the group's log that made the user a member. */
  readonly joined: Seq;
  /** The entry that ended the membership. */
  readonly left: Seq;
}

/**
 * A change of a group. It is appended to the group's log with an entry of type `member`, and takes effect in
 * the same step: so the log says who was a member when. All operations are idempotent: one that changes
 * nothing is no error. The actor is the sender of the append.
 */
export type GroupOperation =
  | {
      readonly kind: 'create';
      readonly name: string;
      readonly category: string;
      readonly join: JoinPolicy;
      /** Members besides the actor, who is the owner. */
      readonly users: readonly NamedUser[];
    }
  | {
      readonly kind: 'change';
      readonly name?: string | undefined;
      readonly category?: string | undefined;
      readonly join?: JoinPolicy | undefined;
    }
  | { readonly kind: 'add'; readonly users: readonly NamedUser[] }
  | { readonly kind: 'join' }
  /** An owner cannot leave: it transfers the group first, or disbands it. */
  | { readonly kind: 'leave' }
  | { readonly kind: 'remove'; readonly user: UserId }
  | { readonly kind: 'role'; readonly user: UserId; readonly role: 'admin' | 'member' }
  | { readonly kind: 'mute'; readonly user: UserId; readonly muted: boolean }
  /** To a member; the actor becomes an admin. */
  | { readonly kind: 'transfer'; readonly user: UserId }
  | { readonly kind: 'disband' };

/**
 * The reason why an operation or a message is refused.
 *
 * | role | may |
 * | --- | --- |
 * | owner | everything |
 * | admin | change, add, remove members, mute members |
 * | member | leave; every user may join an open group |
 */
export type GroupProblem =
  | 'no-group'
  | 'not-member'
  | 'not-allowed'
  | 'muted'
  | 'full'
  /** Of an operation on somebody who is no member. */
  | 'no-such-member'
  /** The actor owns the group and cannot leave it. */
  | 'owner-stays'
  /** Of `create`: the id is taken. */
  | 'taken';

/**
 * Groups. An append with an operation changes a group (`Streams.append`). The group's side of a membership is
 * authoritative. The user's side, `memberships`, follows it: the answer of the append waits for it, and
 * `settle` repairs it after a crash. All calls may throw when the store does not answer.
 */
export interface Groups {
  /** A new id that no group ever had. */
  newId(): Promise<GroupId>;
  /** Undefined: the group does not exist, or was disbanded. */
  find(group: GroupId): Promise<Group | undefined>;
  member(group: GroupId, user: UserId): Promise<Member | undefined>;
  /**
   * A page of members, in an order that does not change while members come and go.
   * @param after `next` of the page before
   */
  members(
    group: GroupId,
    limit: number,
    after?: string,
  ): Promise<{ readonly items: readonly Member[]; readonly next?: string }>;
  /**
   * The groups that the user's own side names, without the lobby. It may be behind: only the group itself
   * (`member`) says whether the user is a member. One question, however many groups.
   */
  groupsOf(user: UserId): Promise<GroupId[]>;
  /** The user's groups, at most 1,000, without the lobby. Every one of the groups is asked. */
  memberships(user: UserId): Promise<Membership[]>;
  /**
   * Memberships that ended by a leave or a removal within the last 30 days (`stays.ts`); ascending by `left`
   * in each group.
   */
  stays(user: UserId): Promise<Stay[]>;
  /** Which of these users are members. One round trip. */
  areMembers(group: GroupId, users: readonly UserId[]): Promise<boolean[]>;
  /** Moves a read mark forward, never back. Answers the present mark. Also for the lobby. */
  mark(user: UserId, group: GroupId, n: number): Promise<number>;
  /** The read mark of the lobby or of another group. */
  markOf(user: UserId, group: GroupId): Promise<number>;
  /**
   * The instance is rung for new entries of these groups, until `unfollow`, or for `FOLLOW_MS` after the last
   * call.
   */
  follow(groups: readonly GroupId[], instance: InstanceId): Promise<void>;
  unfollow(groups: readonly GroupId[], instance: InstanceId): Promise<void>;
  /**
   * Completes the users' sides after a crash. Answers the users whose side it wrote. Servers call it now and
   * then.
   */
  settle(): Promise<UserId[]>;
}

/**
 * How long an im-server counts as a follower of a group after its last call [ms]. It calls again after a
 * third of this time.
 */
export const FOLLOW_MS = 30 * 60_000;
