import { type NamedUser, type ProducerId, streamName, streamOfName, type UserId } from '@cim/protocol';
import {
  byTime,
  type ClaimedMessage,
  type ListedMessage,
  type NewScheduled,
  type Refusal,
  SCHEDULE,
  type ScheduleAnswer,
  type ScheduleCount,
  type Scheduled,
  scheduleDigest,
  type ScheduledMessage,
} from '../scheduled.ts';
import type { Commit } from './commit.ts';
import { key, scheduledShards } from './keys.ts';
import type { RedisLink } from './link.ts';
import { Script } from './script.ts';

/**
 * Of each user a hash in one of 16 shards: `i:<id>` → the message as it was given (JSON), `s:<id>` → its state: "sendAt tried", and of
 * a refused one behind it "refusedAt code text". `tried` is when it was claimed first, 0 when it never was. Beside it, of each
 * shard, three sorted sets of "sendAt user id": `due` by time, `claims` by the end of their lease, `refused` by when they are forgotten. A
 * message is in one of the three.
 * ARGV[1] of all scripts: what is added to Redis' clock, 0 but for tests.
 */
const BEGIN = `
local call, match = redis.call, string.match
local int = function(n) return string.format('%.0f', n) end
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
`;

/** KEYS messages, due, refused, the key's record. ARGV skew, user, id, JSON, digest, 'at' or 'after', ms, how many may be, ms that the key is kept or ''. */
const ADD = new Script(`${BEGIN}
local messages, due, refused, record = unpack(KEYS)
local user, id, digest, keyMs = ARGV[2], ARGV[3], ARGV[5], ARGV[9]
local before = keyMs ~= '' and call('GET', record)
if before then
  -- A write of its own, for who waits for replicas.
  call('PEXPIRE', record, keyMs)
  local of, first, at = match(before, '^(%S+) (%S+) (%d+)$')
  return of == digest and {'ok', first, at} or {'conflict'}
end
local at = tonumber(ARGV[7]) + (ARGV[6] == 'after' and now or 0)
if at < now - ${SCHEDULE.passedMs} or at > now + ${SCHEDULE.aheadMs} then return {'time', int(now)} end
local member = function(state, of) return match(state, '^%d+') .. ' ' .. user .. ' ' .. of end
local fields = call('HKEYS', messages)
if ARGV[8] ~= '' and #fields / 2 >= tonumber(ARGV[8]) then
  -- A refused message makes room.
  local oldest, oldestAt, oldestState
  for _, field in ipairs(fields) do
    local of = match(field, '^s:(.+)$')
    local state = of and call('HGET', messages, field)
    local refusedAt = state and tonumber(match(state, '^%d+ %d+ (%d+)'))
    if refusedAt and (not oldest or refusedAt < oldestAt) then oldest, oldestAt, oldestState = of, refusedAt, state end
  end
  if not oldest then return {'full'} end
  call('HDEL', messages, 'i:' .. oldest, 's:' .. oldest)
  call('ZREM', refused, member(oldestState, oldest))
end
local state = int(at) .. ' 0'
call('HSET', messages, 'i:' .. id, ARGV[4], 's:' .. id, state)
call('ZADD', due, int(at), member(state, id))
if keyMs ~= '' then call('SET', record, digest .. ' ' .. id .. ' ' .. int(at), 'PX', keyMs) end
return {'ok', id, int(at)}`);

/** KEYS messages, due, refused. ARGV skew, user, id. */
const CANCEL = new Script(`${BEGIN}
local messages, due, refused = unpack(KEYS)
local user, id = ARGV[2], ARGV[3]
local state = call('HGET', messages, 's:' .. id)
if not state then return 'none' end
local at, tried, refusedAt = match(state, '^(%d+) (%d+) ?(%d*)')
if tried ~= '0' and refusedAt == '' then
  call('HSET', messages, 's:' .. id, state)
  return 'sending'
end
call('HDEL', messages, 'i:' .. id, 's:' .. id)
call('ZREM', due, at .. ' ' .. user .. ' ' .. id)
call('ZREM', refused, at .. ' ' .. user .. ' ' .. id)
return 'cancelled'`);

/** A claim that ends later than it can was made before the clock went back. It has lapsed too. */
const LAPSED = `
local lease = ${SCHEDULE.leaseMs}
local lapsed = function(claims, limit)
  local found = call('ZRANGEBYSCORE', claims, '-inf', int(now), 'LIMIT', 0, limit)
  for _, member in ipairs(call('ZRANGEBYSCORE', claims, '(' .. int(now + lease), '+inf', 'LIMIT', 0, limit)) do
    found[#found + 1] = member
  end
  return found
end
`;

/**
 * KEYS due, claims and refused of each shard. ARGV skew. Answers waiting, due, late [ms], next [ms] or -1, and places of the shards where
 * a claim finds something; nothing when nothing is there.
 */
const COUNT = new Script(`${BEGIN}${LAPSED}
if call('EXISTS', unpack(KEYS)) == 0 then return {} end
local waiting, dueNow, oldest, ready, nextAt = 0, 0, now, {}, -1
for k = 1, #KEYS, 3 do
  local due, claims, refused = KEYS[k], KEYS[k + 1], KEYS[k + 2]
  local claimed, come = call('ZCARD', claims), call('ZCOUNT', due, '-inf', int(now))
  waiting, dueNow = waiting + call('ZCARD', due) + claimed, dueNow + come + claimed
  local first = call('ZRANGEBYSCORE', due, '-inf', '+inf', 'LIMIT', 0, 1)
  local claimsFirst = call('ZRANGEBYSCORE', claims, '-inf', '+inf', 'LIMIT', 0, 100)
  for _, member in ipairs(claimsFirst) do oldest = math.min(oldest, tonumber(match(member, '^%d+'))) end
  if first[1] then oldest = math.min(oldest, tonumber(match(first[1], '^%d+'))) end
  if come > 0 or #lapsed(claims, 1) > 0 or call('ZCOUNT', refused, '-inf', int(now)) > 0 then
    ready[#ready + 1] = (k + 2) / 3
  end
  local later = call('ZRANGEBYSCORE', due, '(' .. int(now), '+inf', 'LIMIT', 0, 1)[1]
  local laterAt = later and tonumber(match(later, '^%d+'))
  if laterAt and (nextAt < 0 or laterAt < nextAt) then nextAt = laterAt end
end
return {waiting, dueNow, now - oldest, nextAt < 0 and -1 or nextAt - now, ready}`);

/** KEYS due, claims, refused of a shard. ARGV skew, shard, limit. Answers id, JSON, sendAt and ms since the first try (or -1) of each. */
const CLAIM = new Script(`${BEGIN}${LAPSED}
local due, claims, refused = unpack(KEYS)
local limit = tonumber(ARGV[3])
local placeOf = function(member)
  local at, user, id = match(member, '^(%d+) (%d+) (.+)$')
  return ARGV[2] .. ':sched:' .. user, id, at
end
for _, member in ipairs(call('ZRANGEBYSCORE', refused, '-inf', int(now), 'LIMIT', 0, 100)) do
  local messages, id = placeOf(member)
  call('HDEL', messages, 'i:' .. id, 's:' .. id)
  call('ZREM', refused, member)
end
local answers = {}
local take = function(member)
  local messages, id, at = placeOf(member)
  call('ZREM', due, member)
  local message, state = unpack(call('HMGET', messages, 'i:' .. id, 's:' .. id))
  if not message or not state then
    call('ZREM', claims, member)
    return
  end
  local tried = match(state, '^%d+ (%d+)')
  if tried == '0' then call('HSET', messages, 's:' .. id, at .. ' ' .. int(now)) end
  call('ZADD', claims, int(now + lease), member)
  answers[#answers + 1] = id
  answers[#answers + 1] = message
  answers[#answers + 1] = at
  answers[#answers + 1] = tried == '0' and '-1' or int(math.max(0, now - tried))
end
for _, member in ipairs(lapsed(claims, limit)) do
  if #answers < 4 * limit then take(member) end
end
if #answers < 4 * limit then
  for _, member in ipairs(call('ZRANGEBYSCORE', due, '-inf', int(now), 'LIMIT', 0, limit - #answers / 4)) do take(member) end
end
return answers`);

/** KEYS messages, due, claims, refused. ARGV skew, user, id. */
const SENT = new Script(`${BEGIN}
local messages, due, claims, refused = unpack(KEYS)
local state = call('HGET', messages, 's:' .. ARGV[3])
if not state then return 0 end
local member = match(state, '^%d+') .. ' ' .. ARGV[2] .. ' ' .. ARGV[3]
call('HDEL', messages, 'i:' .. ARGV[3], 's:' .. ARGV[3])
call('ZREM', due, member)
call('ZREM', claims, member)
call('ZREM', refused, member)
return 1`);

/** KEYS as `SENT`. ARGV skew, user, id, code, text. */
const REFUSE = new Script(`${BEGIN}
local messages, due, claims, refused = unpack(KEYS)
local state = call('HGET', messages, 's:' .. ARGV[3])
if not state then return 0 end
local at, tried, refusedAt = match(state, '^(%d+) (%d+) ?(%d*)')
if refusedAt ~= '' then
  call('HSET', messages, 's:' .. ARGV[3], state)
  return 0
end
local member = at .. ' ' .. ARGV[2] .. ' ' .. ARGV[3]
call('HSET', messages, 's:' .. ARGV[3], at .. ' ' .. tried .. ' ' .. int(now) .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])
call('ZREM', due, member)
call('ZREM', claims, member)
call('ZADD', refused, int(now + ${SCHEDULE.refusedMs}), member)
return 1`);

/** The message as it is in the hash. */
interface Given {
  readonly user: UserId;
  readonly name: string;
  readonly to: string;
  /** Base64. */
  readonly content: string;
}

type CountAnswer = [] | [waiting: number, due: number, lateMs: number, nextMs: number, ready: number[]];

/** @param shards indexes of the shards where a claim finds something */
interface ShardCount extends ScheduleCount {
  readonly shards: readonly string[];
}

export class RedisScheduled implements Scheduled {
  readonly #link: RedisLink;
  readonly #commit: Commit;
  readonly #acrossShards: boolean;
  readonly #skewMs: () => number;

  /** @param acrossShards whether one call may touch keys of several shards */
  constructor(link: RedisLink, commit: Commit, acrossShards: boolean, skewMs: () => number = () => 0) {
    this.#link = link;
    this.#commit = commit;
    this.#acrossShards = acrossShards;
    this.#skewMs = skewMs;
  }

  async add(message: NewScheduled): Promise<ScheduleAnswer> {
    const { id, sender, to, content, when, key: named, most } = message;
    const { userId, userName } = sender;
    const given: Given = {
      user: userId,
      name: userName,
      to: streamName(to),
      content: Buffer.from(content).toString('base64'),
    };
    const { messages, due, refused } = keysOf(userId);
    const [kind, ms] = 'at' in when ? ['at', when.at] : ['after', when.afterMs];
    const answer = (await this.#commit.run(
      ADD,
      [messages, due, refused, key.scheduledKey(userId, named ?? '')],
      [
        ...[this.#skewMs(), userId, id, JSON.stringify(given), scheduleDigest(message), kind, ms],
        Number.isFinite(most) ? most : '',
        named === undefined ? '' : SCHEDULE.keyMs,
      ],
    )) as string[];
    const [outcome = '', first = '', at = ''] = answer;
    switch (outcome) {
      case 'ok':
        return { outcome, id: first as ProducerId, sendAt: Number(at) };
      case 'time':
        return { outcome, now: Number(first) };
      case 'full':
      case 'conflict':
        return { outcome };
      default:
        throw new Error(`a scheduled message was answered ${outcome}`);
    }
  }

  async list(user: UserId): Promise<readonly ListedMessage[]> {
    const fields = await this.#link.ask((redis) => redis.hgetall(key.scheduled(user)));
    const listed = Object.entries(fields).flatMap(([field, given]) => {
      const state = fields[`s:${field.slice(2)}`];
      return field.startsWith('i:') && state !== undefined ? [listedOf(field.slice(2), given, state)] : [];
    });
    return listed.sort(byTime);
  }

  async cancel(user: UserId, id: ProducerId): Promise<'cancelled' | 'sending' | 'none'> {
    const { messages, due, refused } = keysOf(user);
    const answer = await this.#commit.run(CANCEL, [messages, due, refused], [this.#skewMs(), user, id]);
    return answer as 'cancelled' | 'sending' | 'none';
  }

  async count(): Promise<ScheduleCount> {
    const counts: readonly ScheduleCount[] = await this.#counts();
    return counts.reduce(plus);
  }

  async claim(limit: number): Promise<readonly ClaimedMessage[]> {
    const ready = (await this.#counts()).flatMap(({ shards }) => shards);
    // Begins with a random shard, so that none comes before the others.
    const from = Math.floor(Math.random() * ready.length);
    const claimed: ClaimedMessage[] = [];
    for (const shard of [...ready.slice(from), ...ready.slice(0, from)]) {
      if (claimed.length >= limit) break;
      claimed.push(...(await this.#claim(shard, limit - claimed.length)));
    }
    return claimed;
  }

  async #claim(shard: string, limit: number): Promise<ClaimedMessage[]> {
    const { due, claims, refused } = key.schedule(shard);
    const args = [this.#skewMs(), shard, limit];
    const answer = (await this.#commit.run(CLAIM, [due, claims, refused], args)) as string[];
    const claimed: ClaimedMessage[] = [];
    for (let i = 0; i < answer.length; i += 4) {
      const [id = '', given = '', at = '', tried = ''] = answer.slice(i, i + 4);
      const message = messageOf(id, given, Number(at));
      claimed.push({ ...message, triedMs: tried === '-1' ? undefined : Number(tried) });
    }
    return claimed;
  }

  /** The counts from one call per shard, or from one call for all. */
  #counts(): Promise<ShardCount[]> {
    const calls = this.#acrossShards ? [scheduledShards] : scheduledShards.map((shard) => [shard]);
    return Promise.all(
      calls.map(async (shards) => {
        const keys = shards.flatMap((shard) => Object.values(key.schedule(shard)));
        const answer = await this.#link.ask((redis) => COUNT.run(redis, keys, [this.#skewMs()]));
        return countOf(answer as CountAnswer, shards);
      }),
    );
  }

  async sent(user: UserId, id: ProducerId): Promise<void> {
    await this.#commit.run(SENT, allKeysOf(user), [this.#skewMs(), user, id]);
  }

  async refuse(user: UserId, id: ProducerId, { code, text }: Refusal): Promise<boolean> {
    const args = [this.#skewMs(), user, id, code, text];
    return (await this.#commit.run(REFUSE, allKeysOf(user), args)) === 1;
  }
}

const keysOf = (user: UserId) => ({
  messages: key.scheduled(user),
  ...key.schedule(key.scheduledShard(user)),
});
const allKeysOf = (user: UserId): string[] => {
  const { messages, due, claims, refused } = keysOf(user);
  return [messages, due, claims, refused];
};

function countOf(answer: CountAnswer, of: readonly string[]): ShardCount {
  const [waiting = 0, due = 0, lateMs = 0, nextMs = -1, ready = []] = answer;
  const shards = ready.flatMap((place) => of[place - 1] ?? []);
  return { waiting, due, lateMs, ready: shards.length > 0, nextMs: nextMs < 0 ? undefined : nextMs, shards };
}

function plus(a: ScheduleCount, b: ScheduleCount): ScheduleCount {
  const nexts = [a.nextMs, b.nextMs].filter((ms) => ms !== undefined);
  return {
    waiting: a.waiting + b.waiting,
    due: a.due + b.due,
    lateMs: Math.max(a.lateMs, b.lateMs),
    ready: a.ready || b.ready,
    nextMs: nexts.length === 0 ? undefined : Math.min(...nexts),
  };
}

function messageOf(id: string, given: string, sendAt: number): ScheduledMessage {
  const { user, name, to, content } = JSON.parse(given) as Given;
  const sender: NamedUser = { userId: user, userName: name };
  return {
    id: id as ProducerId,
    sender,
    to: streamOfName(to),
    content: Buffer.from(content, 'base64'),
    sendAt,
  };
}

function listedOf(id: string, given: string, state: string): ListedMessage {
  const [, at = '0', tried = '0', refusedAt, code = '', text = ''] =
    /^(\d+) (\d+)(?: (\d+) (\S+) ([^]*))?$/.exec(state) ?? [];
  const message = messageOf(id, given, Number(at));
  if (refusedAt === undefined) return { ...message, sending: tried !== '0' };
  return { ...message, sending: false, refused: { at: Number(refusedAt), code, text } };
}
