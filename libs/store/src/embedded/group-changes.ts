/** Applies operations to groups: the rules of `groups.ts`, and the records that change. */
import type { GroupId, NamedUser, UserId } from '@cim/protocol';
import { GROUP_LIMITS, type GroupOperation, type GroupProblem, type Role } from '../groups.ts';
import { groupKey, type Key, memberKey } from './keys.ts';
import type { GroupRecord, MemberRecord } from './records.ts';

/** A member after the change. Without `joined` and `joinedN` it is new, and gets those of the entry. */
type NextMember = Pick<MemberRecord, 'userName' | 'role' | 'muted'> & Partial<MemberRecord>;

export interface GroupChange {
  readonly group: GroupId;
  /** Its version becomes that of the entry. */
  readonly record: Omit<GroupRecord, 'version'>;
  /** Value undefined: the user is no longer a member. */
  readonly members: ReadonlyMap<UserId, NextMember | undefined>;
}

/** The group before the operation. */
export interface GroupView {
  readonly now: number;
  get<T>(key: Key<T>): T | undefined;
}

/** The judgement of an operation: a refusal, a change, or undefined when it is allowed and changes nothing. */
export type Judgement = GroupProblem | GroupChange | undefined;

const newMember = ({ userName }: NamedUser, role: Role): NextMember => ({ userName, role, muted: false });

/** Judges an operation. Writes nothing. */
export function judge(
  view: GroupView,
  group: GroupId,
  actor: NamedUser,
  operation: GroupOperation,
): Judgement {
  const record = view.get(groupKey(group));
  if (operation.kind === 'create')
    return record === undefined ? created(view, group, actor, operation) : 'taken';
  if (record === undefined || record.disbanded === true) return 'no-group';
  const self = view.get(memberKey(group, actor.userId));
  const isOwner = self?.role === 'owner';
  const change = (
    next: Partial<GroupRecord>,
    members: readonly (readonly [UserId, NextMember | undefined])[] = [],
  ): GroupChange => ({ group, record: { ...record, ...next }, members: new Map(members) });
  const enter = (users: readonly NamedUser[]): Judgement => {
    const joins = new Map(users.map((user) => [user.userId, newMember(user, 'member')]));
    for (const user of joins.keys()) if (view.get(memberKey(group, user)) !== undefined) joins.delete(user);
    const members = record.members + joins.size;
    if (joins.size === 0) return undefined;
    return members > GROUP_LIMITS.members ? 'full' : change({ members }, [...joins]);
  };
  const exit = (user: UserId): GroupChange => change({ members: record.members - 1 }, [[user, undefined]]);

  if (operation.kind === 'join')
    return self !== undefined ? undefined : record.join === 'open' ? enter([actor]) : 'not-allowed';
  if (self === undefined) return 'not-member';
  if (operation.kind === 'leave') return isOwner ? 'owner-stays' : exit(actor.userId);
  if (self.role === 'member') return 'not-allowed';
  switch (operation.kind) {
    case 'change': {
      const { name = record.name, category = record.category, join = record.join } = operation;
      return change({ name, category, join });
    }
    case 'add':
      return enter(operation.users);
    case 'disband':
      return isOwner ? change({ disbanded: true }) : 'not-allowed';
    case 'role':
    case 'transfer':
      if (!isOwner) return 'not-allowed';
      break;
    case 'remove':
    case 'mute':
  }

  // All further operations concern one member.
  const { user } = operation;
  const member = view.get(memberKey(group, user));
  if (member === undefined) return 'no-such-member';
  if (operation.kind === 'transfer') {
    if (user === actor.userId) return undefined;
    return change({ owner: user }, [
      [user, { ...member, role: 'owner', muted: false }],
      [actor.userId, { ...self, role: 'admin', muted: false }],
    ]);
  }
  if (isOwner && user === actor.userId) return operation.kind === 'remove' ? 'owner-stays' : 'not-allowed';
  // An admin cannot change the owner or other admins.
  if (!isOwner && member.role !== 'member') return 'not-allowed';
  switch (operation.kind) {
    case 'remove':
      return exit(user);
    case 'role':
      return change({}, [[user, { ...member, role: operation.role }]]);
    case 'mute':
      return change({}, [[user, { ...member, muted: operation.muted }]]);
  }
}

function created(
  view: GroupView,
  group: GroupId,
  actor: NamedUser,
  { name, category, join, users }: GroupOperation & { readonly kind: 'create' },
): GroupProblem | GroupChange {
  const members = new Map(users.map((user) => [user.userId, newMember(user, 'member')]));
  members.set(actor.userId, newMember(actor, 'owner'));
  if (members.size > GROUP_LIMITS.members) return 'full';
  const record = { name, category, join, owner: actor.userId, members: members.size, createdAt: view.now };
  return { group, record, members };
}
