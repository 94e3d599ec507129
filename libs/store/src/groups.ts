import type { GroupId, InstanceId, NamedUser, Seq, UserId } from '@cim/protocol';

/** Of the lobby there is none: its members are all users. */
export const GROUP_LIMITS = {
  members: 100_000,
  groupsOfUser: 1_000,
  /** Users that one operation adds. */
  addedAtOnce: 100,
  nameCharacters: 64,
  categoryCharacters: 32,
} as const;

export type Role = 'owner' | 'admin' | 'member';
/** `open`: anybody may join; `invite`: an owner or admin adds. */
export type JoinPolicy = 'open' | 'invite';

export interface Group {
  readonly id: GroupId;
  readonly name: string;
  /** A label to list by; '' for none. */
  readonly category: string;
  readonly join: JoinPolicy;
  readonly owner: UserId;
  /** How many members. */
  readonly members: number;
  /** Seq of the entry that changed the group or its members last. */
  readonly version: Seq;
  /** ms, the store's clock. */
  readonly createdAt: number;
}

export interface Member extends NamedUser {
  readonly role: Role;
  readonly muted: boolean;
  /** Entry of the group's log that made it a member: it reads from there on. */
  readonly joined: Seq;
  /** `shown` of the group's stream at the join. */
  readonly joinedN: number;
}

/** A group as one of its members has it. */
export interface Membership {
  readonly group: GroupId;
  readonly name: string;
  readonly category: string;
  readonly role: Role;
  readonly joined: Seq;
  /** `shown` of the group's stream at the join. */
  readonly joinedN: number;
  /** Read mark: n up to which it has read. */
  readonly read: number;
}

/** A membership that has ended. What was said in it is for the user's devices that were away. */
export interface Stay {
  readonly group: GroupId;
  /** Entry of the group's log that made the user a member. */
  readonly joined: Seq;
  /** The entry that ended it. */
  readonly left: Seq;
}

/**
 * What changes a group. It is appended to the group's log with an entry of type `member`, and takes effect in the same
 * step: the log says who was a member when. All are idempotent: what is so already changes nothing and is no error.
 * The actor is the sender of the append.
 */
export type GroupOperation =
  | {
      readonly kind: 'create';
      readonly name: string;
      readonly category: string;
      readonly join: JoinPolicy;
      /** Beside the actor, who is the owner. */
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
 * | who | may |
 * | --- | --- |
 * | owner | everything |
 * | admin | change, add, remove members, mute members |
 * | member | leave; everybody may join an open group |
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
 * Groups. What changes them is an append (`Streams.append` with an operation). The group's side counts; the user's
 * side, `memberships`, follows it: the append's answer waits for it, and `settle` makes good what a crash has left.
 * All may throw when the store does not answer.
 */
export interface Groups {
  /** An id that no group has had. */
  newId(): Promise<GroupId>;
  /** Undefined: there is none, or it was disbanded. */
  find(group: GroupId): Promise<Group | undefined>;
  member(group: GroupId, user: UserId): Promise<Member | undefined>;
  /**
   * A page of members, in an order that stays while members come and go.
   * @param after `next` of the page before
   */
  members(
    group: GroupId,
    limit: number,
    after?: string,
  ): Promise<{ readonly items: readonly Member[]; readonly next?: string }>;
  /**
   * The groups that the user's own side names, the lobby not among them. It may be behind: whether the user is a member, the
   * group says (`member`). One question, however many groups.
   */
  groupsOf(user: UserId): Promise<GroupId[]>;
  /** At most 1,000, the lobby not among them. Every one of the groups is asked. */
  memberships(user: UserId): Promise<Membership[]>;
  /** Memberships of the user that ended by a leave or a removal, of the last 30 days (`stays.ts`); ascending by `left` in each group. */
  stays(user: UserId): Promise<Stay[]>;
  /** Which of these users are members. One round trip. */
  areMembers(group: GroupId, users: readonly UserId[]): Promise<boolean[]>;
  /** Moves a read mark forward, never back; answers where it is. For the lobby too. */
  mark(user: UserId, group: GroupId, n: number): Promise<number>;
  /** Read mark of the lobby or another group. */
  markOf(user: UserId, group: GroupId): Promise<number>;
  /** The instance is rung for what is appended to the group, until `unfollow`, or for `FOLLOW_MS` after the last call. */
  follow(groups: readonly GroupId[], instance: InstanceId): Promise<void>;
  unfollow(groups: readonly GroupId[], instance: InstanceId): Promise<void>;
  /** Writes the users' sides that a crash has left undone; answers the users that it wrote. Called now and then by servers. */
  settle(): Promise<UserId[]>;
}

/** How long an im-server counts as a follower of a group after it has said so [ms]. It says so again in a third of it. */
export const FOLLOW_MS = 30 * 60_000;
