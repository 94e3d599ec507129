import type { GroupId, Seq, UserId } from '@cim/protocol';
import { clearingKey, groupKey, memberKey, membershipsKey, nameOfMember } from './keys.ts';
import type { Ledger } from './ledger.ts';
import type { GroupRecord, MemberRecord, MembershipsRecord } from './records.ts';

/** Stands for the record of a group that was lost: the group is gone for everybody. */
const LOST: GroupRecord = {
  ...{ name: '', category: '', join: 'invite', members: 0, createdAt: 0 },
  ...{ owner: 0 as UserId, version: 0 as Seq, disbanded: true },
};

/** The groups of a folder as its records show them, for the audit. */
export class AuditedGroups {
  readonly #records = new Map<GroupId, GroupRecord>();
  readonly #members = new Map<GroupId, Map<UserId, MemberRecord>>();
  readonly #memberships = new Map<UserId, readonly GroupId[]>();

  add(key: string, record: unknown): void {
    // Keys hold the id of a group unchanged.
    if (key.startsWith('g:')) this.#records.set(key.slice('g:'.length) as GroupId, record as GroupRecord);
    if (key.startsWith('h:'))
      this.#memberships.set(Number(key.slice('h:'.length)) as UserId, (record as MembershipsRecord).groups);
    if (!key.startsWith('b:')) return;
    const { group, user } = nameOfMember(key);
    const members = this.#members.get(group as GroupId) ?? new Map<UserId, MemberRecord>();
    this.#members.set(group as GroupId, members.set(user, record as MemberRecord));
  }

  /** One line for each fault. */
  problems(): string[] {
    const problems = [...this.#lost()].map((group) => `the record g:${group} is missing`);
    for (const [group, { members }] of this.#live()) {
      const found = this.#of(group).size;
      if (found !== members) problems.push(`the group ${group} has ${found} members in place of ${members}`);
    }
    for (const user of this.#unlisted().keys()) problems.push(`the record h:${user} is missing or old`);
    return problems;
  }

  /**
   * Mends the groups. A group has the members that are left. If its owner is lost, an admin becomes the
   * owner, or else the first member.
   */
  mend(ledger: Ledger): void {
    for (const group of this.#lost()) {
      ledger.put(groupKey(group), LOST);
      ledger.put(clearingKey(group), { group });
    }
    for (const [group, record] of this.#live()) {
      const members = [...this.#of(group)];
      if (members.length === record.members) continue;
      const [heir] = members.find(([, { role }]) => role === 'admin') ?? members[0] ?? [];
      const owner = members.some(([user]) => user === record.owner) ? record.owner : heir;
      if (owner === undefined) ledger.put(groupKey(group), { ...record, members: 0, disbanded: true });
      else ledger.put(groupKey(group), { ...record, members: members.length, owner });
      for (const [user, member] of members)
        if (user === owner && member.role !== 'owner')
          ledger.put(memberKey(group, user), { ...member, role: 'owner' });
    }
    for (const [user, groups] of this.#unlisted())
      ledger.put(membershipsKey(user), { groups: [...(this.#memberships.get(user) ?? []), ...groups] });
  }

  #of(group: GroupId): ReadonlyMap<UserId, MemberRecord> {
    return this.#members.get(group) ?? new Map();
  }

  *#live(): Generator<[GroupId, GroupRecord]> {
    for (const [group, record] of this.#records) if (record.disbanded !== true) yield [group, record];
  }

  /** Groups that members or users name but that have no record. */
  #lost(): Set<GroupId> {
    const named = [...this.#members.keys(), ...[...this.#memberships.values()].flat()];
    return new Set(named.filter((group) => !this.#records.has(group)));
  }

  /** Members of groups whose own list does not name the group. */
  #unlisted(): Map<UserId, GroupId[]> {
    const unlisted = new Map<UserId, GroupId[]>();
    const listed = new Map([...this.#memberships].map(([user, groups]) => [user, new Set(groups)]));
    for (const [group] of this.#live())
      for (const user of this.#of(group).keys())
        if (listed.get(user)?.has(group) !== true) unlisted.set(user, [...(unlisted.get(user) ?? []), group]);
    return unlisted;
  }
}
