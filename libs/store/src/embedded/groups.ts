import {
  CimError,
  type GroupId,
  groupOf,
  type InstanceId,
  isGroupId,
  LOBBY,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import { Slice } from '@cim/runtime';
import { policyOf } from '../stream-policy.ts';
import { FOLLOW_MS, type Group, type Groups, type Member, type Membership, type Stay } from '../groups.ts';
import { STAYS } from '../stays.ts';
import type { Append } from '../streams.ts';
import { type GroupChange, type Judgement, judge } from './group-changes.ts';
import {
  allClearing,
  clearingKey,
  groupKey,
  type Key,
  LAST_GROUP,
  markKey,
  memberKey,
  membersAfter,
  membershipsKey,
  nameOfMember,
} from './keys.ts';
import type { Ledger } from './ledger.ts';
import { promised } from './promised.ts';
import { decodeRecord } from './record-bytes.ts';
import type { ClearingRecord, MemberRecord } from './records.ts';

/** Ids of groups are above this one. */
const BEFORE_FIRST_GROUP = 1_000;
const MOST_MEMBERS = 1_000;
const READ_BYTES = 1024 * 1024;
/** Members that one step removes when a disbanded group is cleared. */
const CLEARED_AT_ONCE = 500;

/**
 * Groups and their members. Both sides of a membership change in the batch of the entry that says so, so
 * there is nothing to settle. Followers of a group are in memory: a new process has no connections of theirs.
 */
export class EmbeddedGroups implements Groups {
  readonly #ledger: Ledger;
  readonly #now: () => number;
  readonly #monotonic: () => number;
  /**
   * Key: group, then instance. Value: until when it follows [ms of `monotonic`]. Removed by `unfollow`, or
   * when found lapsed.
   */
  readonly #followers = new Map<GroupId, Map<InstanceId, number>>();

  /** @param monotonic a time that never goes back [ms] */
  constructor(ledger: Ledger, now: () => number, monotonic: () => number) {
    this.#ledger = ledger;
    this.#now = now;
    this.#monotonic = monotonic;
  }

  async newId(): Promise<GroupId> {
    let id = this.#ledger.get(LAST_GROUP)?.id ?? BEFORE_FIRST_GROUP;
    do id++;
    while (this.#ledger.get(groupKey(String(id) as GroupId)) !== undefined);
    this.#ledger.put(LAST_GROUP, { id });
    await this.#ledger.commit();
    return String(id) as GroupId;
  }

  find(group: GroupId): Promise<Group | undefined> {
    return promised(() => this.#find(group));
  }

  member(group: GroupId, user: UserId): Promise<Member | undefined> {
    return promised(() => {
      const member = this.#member(group, user);
      return member && memberOf(user, member);
    });
  }

  async members(
    group: GroupId,
    limit: number,
    after?: string,
  ): Promise<{ readonly items: readonly Member[]; readonly next?: string }> {
    const last = after === undefined ? 0 : Number(after);
    if (!Number.isSafeInteger(last)) throw new CimError('foreignCursor');
    if (this.#find(group) === undefined) return { items: [] };
    const most = Math.min(limit, MOST_MEMBERS);
    const rows = await this.#ledger.rows(membersAfter(group, last), most + 1, READ_BYTES);
    const items = rows
      .slice(0, most)
      .map(([key, row]) => memberOf(nameOfMember(key).user, decodeRecord(row) as MemberRecord));
    const newest = items.at(-1);
    return rows.length <= most || newest === undefined ? { items } : { items, next: String(newest.userId) };
  }

  groupsOf(user: UserId): Promise<GroupId[]> {
    return promised(() => [...(this.#ledger.committed(membershipsKey(user))?.groups ?? [])]);
  }

  stays(user: UserId): Promise<Stay[]> {
    return promised(() => {
      const stays = this.#ledger.committed(membershipsKey(user))?.stays ?? [];
      return stays.map(({ group, joined, left }) => ({ group, joined, left }));
    });
  }

  async memberships(user: UserId): Promise<Membership[]> {
    const slice = new Slice();
    const found: Membership[] = [];
    for (const group of await this.groupsOf(user)) {
      const record = this.#find(group);
      const member = this.#member(group, user);
      if (record !== undefined && member !== undefined) {
        const { name, category } = record;
        const { role, joined, joinedN } = member;
        const read = this.#ledger.committed(markKey(user, group))?.n ?? 0;
        found.push({ group, name, category, role, joined, joinedN, read });
      }
      if (slice.over) await slice.next();
    }
    return found.sort((a, b) => Number(a.group) - Number(b.group));
  }

  areMembers(group: GroupId, users: readonly UserId[]): Promise<boolean[]> {
    return promised(() => users.map((user) => group === LOBBY || this.#member(group, user) !== undefined));
  }

  async mark(user: UserId, group: GroupId, n: number): Promise<number> {
    const key = markKey(user, group);
    const at = Math.max(this.#ledger.get(key)?.n ?? 0, n);
    this.#ledger.put(key, { n: at });
    await this.#ledger.commit();
    return at;
  }

  markOf(user: UserId, group: GroupId): Promise<number> {
    return promised(() => this.#ledger.committed(markKey(user, group))?.n ?? 0);
  }

  follow(groups: readonly GroupId[], instance: InstanceId): Promise<void> {
    const until = this.#monotonic() + FOLLOW_MS;
    for (const group of groups) {
      const followers = this.#followers.get(group) ?? new Map<InstanceId, number>();
      this.#followers.set(group, followers.set(instance, until));
    }
    return Promise.resolve();
  }

  unfollow(groups: readonly GroupId[], instance: InstanceId): Promise<void> {
    for (const group of groups) {
      const followers = this.#followers.get(group);
      followers?.delete(instance);
      if (followers?.size === 0) this.#followers.delete(group);
    }
    return Promise.resolve();
  }

  settle(): Promise<UserId[]> {
    return Promise.resolve([]);
  }

  /** Im-servers that follow the group of a stream; undefined for the lobby and inboxes. */
  followersOf(stream: StreamRef): readonly InstanceId[] | undefined {
    const group = groupWithMembers(stream);
    if (group === undefined) return undefined;
    const followers = this.#followers.get(group);
    if (followers === undefined) return [];
    const now = this.#monotonic();
    for (const [instance, until] of followers) if (until <= now) followers.delete(instance);
    return [...followers.keys()];
  }

  /** Judges whether the sender may append to the group, and what the append changes. Writes nothing. */
  admit({ stream, sender, operation }: Append): Judgement {
    const group = groupWithMembers(stream);
    if (group === undefined) return undefined;
    const get = <T>(key: Key<T>): T | undefined => this.#ledger.get(key);
    if (operation !== undefined) {
      const judgement = judge({ now: this.#now(), get }, group, sender, operation);
      // Reads the records now, so that `write` finds them in memory and cannot fail half-way.
      if (typeof judgement === 'object')
        for (const user of judgement.members.keys()) get(membershipsKey(user));
      return judgement;
    }
    const member = get(memberKey(group, sender.userId));
    const record = get(groupKey(group));
    if (record === undefined || record.disbanded === true) return 'no-group';
    if (member === undefined) return 'not-member';
    return member.muted ? 'muted' : undefined;
  }

  /** Writes the change of an admitted append. @param n the number `n` of its entry */
  write({ group, record, members }: GroupChange, seq: Seq, n: number): void {
    this.#ledger.put(groupKey(group), { ...record, version: seq });
    if (record.disbanded === true) this.#ledger.put(clearingKey(group), { group });
    for (const [user, member] of members) {
      if (member === undefined) {
        const joined = this.#ledger.get(memberKey(group, user))?.joined;
        removeMember(this.#ledger, group, user);
        if (joined !== undefined) this.#addStay(user, { group, joined, left: seq });
      } else {
        const { userName, role, muted, joined = seq, joinedN = n } = member;
        this.#ledger.put(memberKey(group, user), { userName, role, muted, joined, joinedN });
        const groups = this.#ledger.get(membershipsKey(user))?.groups ?? [];
        if (member.joined === undefined && !groups.includes(group))
          this.#ledger.put(membershipsKey(user), {
            ...this.#ledger.get(membershipsKey(user)),
            groups: [...groups, group],
          });
      }
    }
  }

  #addStay(user: UserId, stay: Stay): void {
    const { groups, stays = [] } = this.#ledger.get(membershipsKey(user)) ?? { groups: [] };
    const now = this.#now();
    const others = stays.filter(({ at }) => at > now - STAYS.keptMs).slice(1 - STAYS.most);
    this.#ledger.put(membershipsKey(user), { groups, stays: [...others, { ...stay, at: now }] });
  }

  #find(group: GroupId): Group | undefined {
    const record = this.#ledger.committed(groupKey(group));
    if (record === undefined || record.disbanded === true) return undefined;
    const { name, category, join, owner, members, version, createdAt } = record;
    return { id: group, name, category, join, owner, members, version, createdAt };
  }

  #member(group: GroupId, user: UserId): MemberRecord | undefined {
    return this.#find(group) && this.#ledger.committed(memberKey(group, user));
  }
}

/**
 * Removes the members of disbanded groups in slices. Nobody sees them any more. Members that a crash leaves
 * are removed later.
 */
export async function clearDisbanded(ledger: Ledger, stopped: () => boolean): Promise<void> {
  const clearing = await ledger.rows(allClearing, CLEARED_AT_ONCE, READ_BYTES);
  const slice = new Slice();
  for (const [key, row] of clearing) {
    const { group } = decodeRecord(row) as ClearingRecord;
    for (;;) {
      if (stopped()) return;
      const members = await ledger.rows(membersAfter(group, 0), CLEARED_AT_ONCE, READ_BYTES);
      for (const [of] of members) {
        removeMember(ledger, group, nameOfMember(of).user);
        if (slice.over) await pause(ledger, slice);
      }
      await ledger.commit();
      if (members.length === 0) break;
    }
    ledger.put(key as Key<ClearingRecord>, undefined);
    await ledger.commit();
  }
}

async function pause(ledger: Ledger, slice: Slice): Promise<void> {
  await ledger.commit();
  await slice.next();
}

function removeMember(ledger: Ledger, group: GroupId, user: UserId): void {
  const { groups: all, stays } = ledger.get(membershipsKey(user)) ?? { groups: [] };
  const groups = all.filter((other) => other !== group);
  const kept = groups.length === 0 && stays === undefined ? undefined : { groups, ...(stays && { stays }) };
  ledger.put(memberKey(group, user), undefined);
  ledger.put(membershipsKey(user), kept);
  ledger.put(markKey(user, group), undefined);
}

const memberOf = (userId: UserId, { userName, role, muted, joined, joinedN }: MemberRecord): Member => ({
  ...{ userId, userName, role, muted, joined, joinedN },
});

/** The group whose log the stream is, if only members write to it; undefined for the lobby and inboxes. */
const groupWithMembers = (stream: StreamRef): GroupId | undefined => {
  const group = groupOf(stream);
  return policyOf(stream).writers === 'members' && isGroupId(group) ? group : undefined;
};
