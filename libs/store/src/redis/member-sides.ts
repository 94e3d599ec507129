import type { GroupId, Seq, UserId } from '@cim/protocol';
import type { Commit } from './commit.ts';
import { MEMBER_OF } from './group-lua.ts';
import type { Stay } from '../groups.ts';
import { STAYS } from '../stays.ts';
import { groupKeys, key, SHARD_TAGS } from './keys.ts';
import type { RedisLink } from './link.ts';
import { Script } from './script.ts';

/** KEYS record, members. ARGV users. Answers the group's version, then 1 for each user who is a member. */
const ASK = new Script(`${MEMBER_OF}
local answers = {tonumber(call('HGET', KEYS[1], 'version') or '0')}
for i, user in ipairs(ARGV) do answers[i + 1] = memberIn(KEYS[2], user) and 1 or 0 end
return answers`);

/**
 * KEYS a user's groups. ARGV group, version at which the group was asked, 1 when the user is a member. The
 * answer with the later version wins, in any order. Answers 1 when it has changed something.
 */
const FOLLOW_GROUP = new Script(`
local before = redis.call('HGET', KEYS[1], ARGV[1])
local version = tonumber(ARGV[2])
if ARGV[3] == '1' then
  local is = before and tonumber(before) >= version
  redis.call('HSET', KEYS[1], ARGV[1], is and before or ARGV[2])
  return before and 0 or 1
end
if not before or tonumber(before) > version then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
return 1`);

/** KEYS notes of a shard, and its notes about ended memberships. ARGV "group seq". */
const FORGET = new Script(`
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1`);

/** KEYS a user's stays. ARGV "group left", joined. Removes the oldest above `STAYS.most`. Answers 1. */
const ADD_STAY = new Script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. string.format(' %d', now))
local rows, times = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #rows, 2 do
  local at = tonumber(string.match(rows[i + 1], ' (%d+)$'))
  if at < now - ${STAYS.keptMs} then redis.call('HDEL', KEYS[1], rows[i]) else times[#times + 1] = {at, rows[i]} end
end
table.sort(times, function(a, b) return a[1] < b[1] end)
for i = 1, #times - ${STAYS.most} do redis.call('HDEL', KEYS[1], times[i][2]) end
return 1`);

/** Keys of the open work for the groups of a shard. */
interface Notes {
  readonly pending: string;
  readonly ended: string;
}

const notesOf = (shard: string): Notes => ({ pending: key.pending(shard), ended: key.ended(shard) });

/**
 * The users' side of groups: which groups a user may be a member of. The append script changes the group's
 * side, and notes whose own side is to follow. This class completes those sides. It removes the note last, so
 * that after a crash `settle` finds it. A user's side may name a group that the user has left, so the group
 * is asked whenever it matters.
 */
export class MemberSides {
  readonly #link: RedisLink;
  readonly #commit: Commit;

  constructor(link: RedisLink, commit: Commit) {
    this.#link = link;
    this.#commit = commit;
  }

  /**
   * Completes the change at `seq` of the group's log, unless that is done. @throws {CimError} it is not known
   * to be done
   */
  async follow(group: GroupId, seq: number): Promise<void> {
    const { pending, ended } = groupKeys(group);
    const note = `${group} ${seq}`;
    const users = await this.#link.ask((redis) => redis.hget(pending, note));
    if (users !== null) await this.#followNote({ pending, ended }, note, users);
  }

  /** Completes all changes that a crash has interrupted. Answers the users whose side has changed. */
  async settle(): Promise<UserId[]> {
    const settled = new Set<UserId>();
    const shards = SHARD_TAGS.map((shard) => key.pending(shard));
    const notes = await this.#link.ask((redis) => Promise.all(shards.map((of) => redis.hgetall(of))));
    for (const [i, of] of notes.entries())
      for (const [note, users] of Object.entries(of))
        for (const user of await this.#followNote(notesOf(SHARD_TAGS[i] ?? ''), note, users))
          settled.add(user);
    return [...settled];
  }

  async stays(user: UserId): Promise<Stay[]> {
    const rows = await this.#link.ask((redis) => redis.hgetall(key.stays(user)));
    const stays = Object.entries(rows).map(([of, row]) => {
      const [group = '', left] = of.split(' ');
      return {
        group: group as GroupId,
        joined: Number(row.split(' ', 1)[0]) as Seq,
        left: Number(left) as Seq,
      };
    });
    return stays.sort((a, b) => a.left - b.left);
  }

  /** Notes that the user is not a member of the group, as of that version of the group. */
  async drop(user: UserId, group: GroupId, version: number): Promise<void> {
    await this.#commit.run(FOLLOW_GROUP, [key.memberships(user)], [group, version, 0]);
  }

  async areMembers(group: GroupId, users: readonly UserId[]): Promise<boolean[]> {
    return (await this.#ask(group, users)).are;
  }

  async #followNote({ pending, ended }: Notes, note: string, userList: string): Promise<UserId[]> {
    const group = note.slice(0, note.indexOf(' ')) as GroupId;
    const users = userList.split(' ').map(Number) as UserId[];
    const { version, are } = await this.#ask(group, users);
    const changed = await Promise.all(
      users.map((user, i) =>
        this.#commit.run(FOLLOW_GROUP, [key.memberships(user)], [group, version, are[i] === true ? 1 : 0]),
      ),
    );
    // The version before makes notes without it.
    const joined = await this.#link.ask((redis) => redis.hget(ended, note));
    if (joined !== null)
      for (const user of users) await this.#commit.run(ADD_STAY, [key.stays(user)], [note, joined]);
    await this.#commit.run(FORGET, [pending, ended], [note]);
    return users.filter((_, i) => changed[i] === 1);
  }

  async #ask(
    group: GroupId,
    users: readonly UserId[],
  ): Promise<{ readonly version: number; readonly are: boolean[] }> {
    const { record, members } = groupKeys(group);
    const answer = await this.#link.ask((redis) => ASK.run(redis, [record, members], users));
    const [version = 0, ...are] = answer as number[];
    return { version, are: are.map((is) => is === 1) };
  }
}
