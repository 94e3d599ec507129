/** Lua of sessions. Each works on one user's session hash, or on one instance's online set. */
import { Script } from './script.ts';

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/**
 * KEYS session. ARGV expected epoch, expected state, whether its lease lives (1, 0), policy, instance, name, secret
 * hash, how long issued (ms), attempt. Answers again | repeat | the new epoch, the same one to the same attempt.
 */
export const ISSUE = new Script(`${NOW}
local s = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'instance', 'until', 'prevInstance', 'prevEpoch', 'attempt')
local epoch, state = s[1] or '0', s[2] or ''
if s[7] == ARGV[9] then return epoch end
if epoch ~= ARGV[1] or state ~= ARGV[2] then return 'again' end
local live = state == 'live' and ARGV[3] == '1'
local issued = state == 'issued' and tonumber(s[4]) > now
if (live or issued) and ARGV[4] == 'reject' then return 'repeat' end
local prevInstance, prevEpoch = '', '0'
if live then prevInstance, prevEpoch = s[3], epoch
elseif state == 'issued' then prevInstance, prevEpoch = s[5] or '', s[6] or '0' end
local next = string.format('%d', tonumber(epoch) + 1)
redis.call('HSET', KEYS[1], 'epoch', next, 'state', 'issued', 'instance', ARGV[5], 'name', ARGV[6], 'secret', ARGV[7],
  'until', string.format('%d', now + tonumber(ARGV[8])), 'attempt', ARGV[9], 'claim', '',
  'prevInstance', prevInstance, 'prevEpoch', prevEpoch)
return next`);

/** KEYS session. ARGV instance, epoch or '', name or '', claim. Answers nothing, or {epoch, name, prevInstance, prevEpoch}. */
export const CLAIM = new Script(`${NOW}
local s = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'instance', 'until', 'name', 'claim', 'prevInstance', 'prevEpoch')
if not s[1] or s[3] ~= ARGV[1] then return {} end
if ARGV[2] ~= '' then
  if s[1] ~= ARGV[2] then return {} end
elseif s[5] ~= ARGV[3] then return {} end
local answer = {s[1], s[5], s[7] or '', s[8] or '0'}
if s[2] == 'live' and s[6] == ARGV[4] then return answer end
if s[2] ~= 'issued' or tonumber(s[4]) <= now then return {} end
redis.call('HSET', KEYS[1], 'state', 'live', 'claim', ARGV[4])
return answer`);

/** KEYS session. ARGV epoch, new instance. Answers 1 when it is the current live one. */
export const RECLAIM = new Script(`
local s = redis.call('HMGET', KEYS[1], 'epoch', 'state')
if s[1] ~= ARGV[1] or s[2] ~= 'live' then return 0 end
redis.call('HSET', KEYS[1], 'instance', ARGV[2])
return 1`);

/** KEYS session. ARGV epoch, or '' for whichever is current. Answers {} or {instance, epoch} of what it ended. */
export const END = new Script(`
local s = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'instance')
if not s[1] or s[2] == 'ended' then return {} end
if ARGV[1] ~= '' and s[1] ~= ARGV[1] then return {} end
redis.call('HSET', KEYS[1], 'state', 'ended')
return {s[3], s[1]}`);

/** KEYS online set. ARGV user, epoch, name, lease (ms). A later session's entry stays. */
export const ENTER = new Script(`
local there = redis.call('HGET', KEYS[1], ARGV[1])
if there and tonumber(string.match(there, '^%d+')) > tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return 1`);

/** KEYS online set. ARGV user, epoch. A later session's entry stays. */
export const LEAVE = new Script(`
local there = redis.call('HGET', KEYS[1], ARGV[1])
if there and tonumber(string.match(there, '^%d+')) <= tonumber(ARGV[2]) then redis.call('HDEL', KEYS[1], ARGV[1]) end
return 1`);

/** KEYS lease, online set. ARGV lease (ms). Answers 0 when it has lapsed: it is never revived. */
export const RENEW = new Script(`
if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1`);

/** KEYS lease. ARGV attempt, lease (ms). Answers 1 when the lease is of this attempt. */
export const OPEN = new Script(`
if redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') then return 1 end
return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0`);
