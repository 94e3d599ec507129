import { type GroupId, groupStream, type InstanceId, type Seq, type UserId } from '@cim/protocol';
import {
  FOLLOW_MS,
  type Group,
  type Groups,
  type JoinPolicy,
  type Member,
  type Membership,
  type Stay,
} from '../groups.ts';
import type { Commit } from './commit.ts';
import { MEMBER_OF, parseMember } from './group-lua.ts';
import { groupKeys, key, streamShard } from './keys.ts';
import type { RedisLink } from './link.ts';
import type { MemberSides } from './member-sides.ts';
import { Script } from './script.ts';

/** The counter counts from 1. Ids are this much higher. */
const BEFORE_FIRST_GROUP = 1_000;
/** Most groups of one call. A script holds up all other clients of Redis. */
const CALL_GROUPS = 256;

/**
 * KEYS record and members of each group. ARGV user. Answers for each: version, name, category, member or ''.
 */
const MEMBERSHIPS = new Script(`${MEMBER_OF}
local rows = {}
for i = 1, #KEYS, 2 do
  local member = memberIn(KEYS[i + 1], ARGV[1])
  for _, value in ipairs(call('HMGET', KEYS[i], 'version', 'name', 'category')) do rows[#rows + 1] = value or '' end
  rows[#rows + 1] = member and member.text or ''
end
return rows`);
const MEMBERSHIP_VALUES = 4;

/** KEYS followers of each group. ARGV instance, how long it follows (ms). */
const FOLLOW = new Script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, key in ipairs(KEYS) do
  local rows = redis.call('HGETALL', key)
  for i = 1, #rows, 2 do
    if tonumber(rows[i + 1]) <= now then redis.call('HDEL', key, rows[i]) end
  end
  redis.call('HSET', key, ARGV[1], string.format('%d', now + ARGV[2]))
  redis.call('PEXPIRE', key, ARGV[2])
end
return 1`);

/** KEYS followers of each group. ARGV instance. */
const UNFOLLOW = new Script(`
for _, key in ipairs(KEYS) do redis.call('HDEL', key, ARGV[1]) end
return 1`);

/** KEYS marks. ARGV group, n. Answers where the mark is. */
const MARK = new Script(`
local before = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
local n = math.max(before, tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', n))
return n`);

export class RedisGroups implements Groups {
  readonly #link: RedisLink;
  readonly #commit: Commit;
  readonly #sides: MemberSides;

  constructor(link: RedisLink, commit: Commit, sides: MemberSides) {
    this.#link = link;
    this.#commit = commit;
    this.#sides = sides;
  }

  async newId(): Promise<GroupId> {
    for (;;) {
      const count = await this.#link.ask((redis) => redis.incr(key.nextGroup));
      const group = String(BEFORE_FIRST_GROUP + count) as GroupId;
      // A counter that went back, in a store that lost data, must not give an id twice.
      if ((await this.#link.ask((redis) => redis.exists(groupKeys(group).record))) === 0) return group;
    }
  }

  async find(group: GroupId): Promise<Group | undefined> {
    const { record, members } = groupKeys(group);
    const [fields, count] = await this.#link.ask((redis) =>
      Promise.all([
        redis.hmget(record, 'name', 'category', 'join', 'owner', 'version', 'createdAt', 'gone'),
        redis.zcard(members),
      ]),
    );
    const [name, category, join, owner, version, createdAt, gone] = fields;
    if (typeof name !== 'string' || typeof gone === 'string') return undefined;
    return {
      id: group,
      name,
      category: category ?? '',
      join: join as JoinPolicy,
      owner: Number(owner) as UserId,
      members: count,
      version: Number(version) as Seq,
      createdAt: Number(createdAt),
    };
  }

  async member(group: GroupId, user: UserId): Promise<Member | undefined> {
    const { members } = groupKeys(group);
    const [text] = await this.#link.ask((redis) => redis.zrangebyscore(members, user, user));
    return text === undefined ? undefined : parseMember(text);
  }

  async members(
    group: GroupId,
    limit: number,
    after = '0',
  ): Promise<{ readonly items: readonly Member[]; readonly next?: string }> {
    const { members } = groupKeys(group);
    const texts = await this.#link.ask((redis) =>
      redis.zrangebyscore(members, `(${Number(after)}`, '+inf', 'LIMIT', 0, limit + 1),
    );
    const items = texts.slice(0, limit).map(parseMember);
    const last = items.at(-1);
    return texts.length <= limit || last === undefined ? { items } : { items, next: String(last.userId) };
  }

  async groupsOf(user: UserId): Promise<GroupId[]> {
    return (await this.#link.ask((redis) => redis.hkeys(key.memberships(user)))) as GroupId[];
  }

  async memberships(user: UserId): Promise<Membership[]> {
    const [groups, marks] = await Promise.all([
      this.groupsOf(user),
      this.#link.ask((redis) => redis.hgetall(key.marks(user))),
    ]);
    const found: Membership[] = [];
    await this.#perShard(groups, async (some) => {
      const keys = some.flatMap((group) => [groupKeys(group).record, groupKeys(group).members]);
      const rows = (await this.#link.ask((redis) => MEMBERSHIPS.run(redis, keys, [user]))) as string[];
      for (const [i, group] of some.entries()) {
        const [version = '', name = '', category = '', text = ''] = rows.slice(i * MEMBERSHIP_VALUES);
        // The user's own side is behind, as after a group was disbanded. The group's side counts.
        if (text === '') {
          await this.#sides.drop(user, group, Number(version));
          continue;
        }
        const { role, joined, joinedN } = parseMember(text);
        found.push({ group, name, category, role, joined, joinedN, read: Number(marks[group] ?? 0) });
      }
    });
    return found.sort((a, b) => Number(a.group) - Number(b.group));
  }

  stays(user: UserId): Promise<Stay[]> {
    return this.#sides.stays(user);
  }

  areMembers(group: GroupId, users: readonly UserId[]): Promise<boolean[]> {
    return this.#sides.areMembers(group, users);
  }

  async mark(user: UserId, group: GroupId, n: number): Promise<number> {
    return (await this.#commit.run(MARK, [key.marks(user)], [group, n])) as number;
  }

  async markOf(user: UserId, group: GroupId): Promise<number> {
    return Number((await this.#link.ask((redis) => redis.hget(key.marks(user), group))) ?? 0);
  }

  follow(groups: readonly GroupId[], instance: InstanceId): Promise<void> {
    return this.#followers(FOLLOW, groups, [instance, FOLLOW_MS]);
  }

  unfollow(groups: readonly GroupId[], instance: InstanceId): Promise<void> {
    return this.#followers(UNFOLLOW, groups, [instance]);
  }

  settle(): Promise<UserId[]> {
    return this.#sides.settle();
  }

  #followers(script: Script, groups: readonly GroupId[], args: readonly (string | number)[]): Promise<void> {
    return this.#perShard(groups, async (some) => {
      const keys = some.map((group) => groupKeys(group).followers);
      await this.#link.ask((redis) => script.run(redis, keys, args));
    });
  }

  /** Splits groups into portions that one call may reach, at most `CALL_GROUPS` each. */
  async #perShard(
    groups: readonly GroupId[],
    call: (some: readonly GroupId[]) => Promise<void>,
  ): Promise<void> {
    const together = this.#link.url.kind !== 'cluster';
    /** Key: shard, or '' for all. */
    const shards = new Map<string, GroupId[]>();
    for (const group of groups) {
      const shard = together ? '' : streamShard(groupStream(group));
      const of = shards.get(shard);
      if (of === undefined) shards.set(shard, [group]);
      else of.push(group);
    }
    await Promise.all(
      [...shards.values()].map(async (of) => {
        for (let from = 0; from < of.length; from += CALL_GROUPS)
          await call(of.slice(from, from + CALL_GROUPS));
      }),
    );
  }
}
