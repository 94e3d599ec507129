import {
  type Ban,
  type Bans,
  FORGIVEN_MS,
  LENGTHENED_AT_MOST,
  MOST_BANS,
  type Subject,
  SUSPENSION_MS,
} from '../bans.ts';
import { key } from './keys.ts';
import type { RedisLink } from './link.ts';
import { FEED_LUA } from './feed-lua.ts';
import { Script } from './script.ts';

/**
 * KEYS bans, a hash: subject → JSON of {until, begun, step, reason}; and a sorted set of subjects by `until`, which finds those that are
 * active or are to be forgotten; and whether the feed of their shard is on. ARGV act, subject, then what the act needs. Answers ms left, step and reason; nothing when
 * there is none.
 */
const actScript = (lengthsMs: readonly number[]): Script =>
  new Script(`${FEED_LUA}
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local act, subject = ARGV[1], ARGV[2]
local lengths = {${lengthsMs.join(', ')}}
local text = call('HGET', KEYS[1], subject)
local ban = text and cjson.decode(text)
local active = ban and ban.until_ > now
local int = function(n) return string.format('%.0f', n) end
local event = function(kind, more)
  local most = feedMost(call('GET', KEYS[3]), 'b')
  local tag = string.match(KEYS[3], '^{.-}')
  if most then
    feedEvent(tag, most, '{"kind":"' .. kind .. '","subject":' .. cjson.encode(subject) .. more .. ',"at":' .. int(now) .. '}')
  end
end
local banned = function()
  event('banned', ',"step":' .. ban.step .. ',"until":' .. int(ban.until_) .. ',"reason":' .. cjson.encode(ban.reason))
end
local write = function()
  call('HSET', KEYS[1], subject, cjson.encode(ban))
  call('ZADD', KEYS[2], ban.until_, subject)
end
if act == 'suspend' and not active then
  local step = 1
  if ban and now - ban.until_ < ${FORGIVEN_MS} then step = math.min(ban.step + 1, #lengths) end
  ban = {until_ = now + lengths[step], begun = now, step = step, reason = ARGV[3]}
  write()
  banned()
elseif act == 'asked' then
  if not active then return {} end
  local length = lengths[ban.step]
  if length then
    ban.until_ = math.max(ban.until_, math.min(now + length, ban.begun + ${LENGTHENED_AT_MOST} * length))
    write()
  end
elseif act == 'ban' then
  ban = {until_ = now + tonumber(ARGV[4]), begun = now, step = 0, reason = ARGV[3]}
  write()
  banned()
elseif act == 'unban' then
  if ban then
    call('HDEL', KEYS[1], subject)
    -- Below all that is kept: it goes with the next that is forgotten.
    call('ZADD', KEYS[2], 0, subject)
  end
  if not active then return {} end
  event('unbanned', '')
end
local forgotten = call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ${FORGIVEN_MS})
for _, old in ipairs(forgotten) do call('HDEL', KEYS[1], old) end
if #forgotten > 0 then call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ${FORGIVEN_MS}) end
if call('ZCARD', KEYS[2]) > ${MOST_BANS} then
  local first = call('ZRANGEBYSCORE', KEYS[2], '-inf', '+inf', 'LIMIT', 0, 1)[1]
  local score = string.format('%.0f', cjson.decode(call('HGET', KEYS[1], first)).until_)
  for _, old in ipairs(call('ZRANGEBYSCORE', KEYS[2], '-inf', score)) do call('HDEL', KEYS[1], old) end
  call('ZREMRANGEBYSCORE', KEYS[2], '-inf', score)
end
return {ban.until_ - now, ban.step, ban.reason}`);

/** KEYS as `actScript` has them. Answers of each active one: subject, ms left, step, reason. */
const LIST = new Script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
for _, subject in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], now + 1, '+inf')) do
  local text = redis.call('HGET', KEYS[1], subject)
  if text then
    local ban = cjson.decode(text)
    answers[#answers + 1] = {subject, ban.until_ - now, ban.step, ban.reason}
  end
end
return answers`);

type Answer = [leftMs: number, step: number, reason: string];

export class RedisBans implements Bans {
  readonly #link: RedisLink;
  readonly #script: Script;

  /** @param lengthsMs see `SUSPENSION_MS` */
  constructor(link: RedisLink, lengthsMs: readonly number[] = SUSPENSION_MS) {
    this.#link = link;
    this.#script = actScript(lengthsMs);
  }

  async list(): Promise<readonly Ban[]> {
    const bans = (await this.#link.ask((redis) => LIST.run(redis, [key.bans, key.bansUntil], []))) as [
      Subject,
      ...Answer,
    ][];
    return bans.map(([subject, leftMs, step, reason]) => ({ subject, leftMs, step, reason }));
  }

  async suspend(subject: Subject, reason: string): Promise<Ban> {
    return banOf(subject, await this.#act('suspend', subject, reason)) ?? none(subject);
  }

  async asked(subject: Subject): Promise<Ban | undefined> {
    return banOf(subject, await this.#act('asked', subject));
  }

  async ban(subject: Subject, ms: number, reason: string): Promise<Ban> {
    return banOf(subject, await this.#act('ban', subject, reason, ms)) ?? none(subject);
  }

  async unban(subject: Subject): Promise<boolean> {
    return banOf(subject, await this.#act('unban', subject)) !== undefined;
  }

  async #act(...args: readonly (string | number)[]): Promise<Answer | []> {
    const answer = this.#link.ask((redis) =>
      this.#script.run(redis, [key.bans, key.bansUntil, key.feedOn(key.bansShard)], args),
    );
    return (await answer) as Answer | [];
  }
}

/** Stands for "no ban", since a script always answers something. */
const none = (subject: Subject): Ban => ({ subject, leftMs: 0, step: 0, reason: '' });

function banOf(subject: Subject, [leftMs, step = 0, reason = '']: Answer | []): Ban | undefined {
  return leftMs === undefined ? undefined : { subject, leftMs, step, reason };
}
