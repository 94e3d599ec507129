import type { GroupId, UserId } from '@cim/protocol';
import type { Commit } from './commit.ts';
import { MEMBER_OF } from './group-lua.ts';
import { groupKeys, key, SHARD_TAGS } from './keys.ts';
import type { RedisLink } from './link.ts';
import { Script } from './script.ts';

/** KEYS record, members. ARGV users. Answers the group's version, then of each user 1 when it is a member. */
const ASK = new Script(`${MEMBER_OF}
local answers = {tonumber(call('HGET', KEYS[1], 'version') or '0')}
for i, user in ipairs(ARGV) do answers[i + 1] = memberIn(KEYS[2], user) and 1 or 0 end
return answers`);

/**
 * KEYS a user's groups. ARGV group, version at which the group was asked, 1 when the user is a member. A later answer wins, in
 * whatever order they come. Answers 1 when it has changed something.
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

/** KEYS notes of a shard. ARGV "group seq". */
const FORGET = new Script(`
redis.call('HDEL', KEYS[1], ARGV[1])
return 1`);

/**
 * The users' side of groups: which groups a user may be a member of. The append script changes the group's side and notes whose
 * own side is to follow; here it follows. The note goes last, so that a crash before leaves it to `settle`.
 * A user's side may name a group that it is no member of any more; the group is asked whenever it matters.
 */
export class MemberSides {
  readonly #link: RedisLink;
  readonly #commit: Commit;

  constructor(link: RedisLink, commit: Commit) {
    this.#link = link;
    this.#commit = commit;
  }

  /** Of the change at `seq` of the group's log, unless that is done. @throws {CimError} it is not known to be done */
  async follow(group: GroupId, seq: number): Promise<void> {
    const { pending } = groupKeys(group);
    const note = `${group} ${seq}`;
    const users = await this.#link.ask((redis) => redis.hget(pending, note));
    if (users !== null) await this.#followNote(pending, note, users);
  }

  /** Whatever a crash has left. Answers the users whose side has changed. */
  async settle(): Promise<UserId[]> {
    const settled = new Set<UserId>();
    const shards = SHARD_TAGS.map((shard) => key.pending(shard));
    const notes = await this.#link.ask((redis) => Promise.all(shards.map((of) => redis.hgetall(of))));
    for (const [i, of] of notes.entries())
      for (const [note, users] of Object.entries(of))
        for (const user of await this.#followNote(shards[i] ?? '', note, users)) settled.add(user);
    return [...settled];
  }

  /** The user is no member of the group, as the group had it at that version. */
  async drop(user: UserId, group: GroupId, version: number): Promise<void> {
    await this.#commit.run(FOLLOW_GROUP, [key.memberships(user)], [group, version, 0]);
  }

  async areMembers(group: GroupId, users: readonly UserId[]): Promise<boolean[]> {
    return (await this.#ask(group, users)).are;
  }

  async #followNote(pending: string, note: string, userList: string): Promise<UserId[]> {
    const group = note.slice(0, note.indexOf(' ')) as GroupId;
    const users = userList.split(' ').map(Number) as UserId[];
    const { version, are } = await this.#ask(group, users);
    const changed = await Promise.all(
      users.map((user, i) =>
        this.#commit.run(FOLLOW_GROUP, [key.memberships(user)], [group, version, are[i] === true ? 1 : 0]),
      ),
    );
    await this.#commit.run(FORGET, [pending], [note]);
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
