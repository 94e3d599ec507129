/** Lua of sessions. Each works on one user's session hash, or on one instance's online set. */
import { Script } from './script.ts';

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** Where the open channel is, if there is one: of the live session, or of the one before an unclaimed login. */
const OPEN_CHANNEL = `
local open = function(epoch, state, instance, prevInstance, prevEpoch)
  if state == 'live' then return instance, epoch end
  if state == 'issued' and prevInstance and prevInstance ~= '' then return prevInstance, prevEpoch end
  return '', '0'
end`;

/** How many secrets of logins that nobody claimed count, with the one claimed last. */
const SECRETS = 8;

/**
 * KEYS session. ARGV expected epoch, state, instance of the open channel or '', whether its lease lives (1, 0); policy,
 * instance, name, secret hash, how long issued (ms), attempt.
 * Expected epoch '': nothing was looked at yet, which is enough when no channel is open.
 * Answers again | repeat | the new epoch, the same one to the same attempt.
 */
export const ISSUE = new Script(`${NOW}${OPEN_CHANNEL}
local s = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'instance', 'prevInstance', 'prevEpoch', 'until', 'attempt',
  'secret', 'older')
local epoch, state = s[1] or '0', s[2] or ''
if s[7] == ARGV[10] then return epoch end
local at, atEpoch = open(epoch, state, s[3], s[4], s[5])
if ARGV[1] == '' then
  if at ~= '' then return 'again' end
elseif epoch ~= ARGV[1] or state ~= ARGV[2] or at ~= ARGV[3] then return 'again' end
if ARGV[4] ~= '1' then at, atEpoch = '', '0' end
local issued = state == 'issued' and tonumber(s[6]) > now
if (at ~= '' or issued) and ARGV[5] == 'reject' then return 'repeat' end
local secrets = {}
for secret in string.gmatch((s[8] or '') .. ' ' .. (s[9] or ''), '%S+') do table.insert(secrets, secret) end
-- The last is the oldest, and the one that was claimed.
while #secrets >= ${SECRETS} do table.remove(secrets, #secrets - 1) end
-- By the clock: a store that has lost its newest sessions gives none of their epochs again.
local next = string.format('%d', math.max(tonumber(epoch) + 1, now))
redis.call('HSET', KEYS[1], 'epoch', next, 'state', 'issued', 'instance', ARGV[6], 'name', ARGV[7], 'secret', ARGV[8],
  'older', table.concat(secrets, ' '), 'until', string.format('%d', now + tonumber(ARGV[9])), 'attempt', ARGV[10],
  'claim', '', 'prevInstance', at, 'prevEpoch', atEpoch)
return next`);

/** A later session's entry stays. */
const ENTERS = `
local enter = function(online, user, epoch, name, lease)
  local there = redis.call('HGET', online, user)
  if there and tonumber(string.match(there, '^%d+')) > tonumber(epoch) then return end
  redis.call('HSET', online, user, epoch .. ' ' .. name)
  if redis.call('PTTL', online) < 0 then redis.call('PEXPIRE', online, lease) end
end`;

const LEAVES = `
local leave = function(online, user, epoch)
  local there = redis.call('HGET', online, user)
  if there and tonumber(string.match(there, '^%d+')) <= tonumber(epoch) then redis.call('HDEL', online, user) end
end`;

/**
 * KEYS session; where one server holds both, the online set too, which is entered then. ARGV instance, epoch or '',
 * name or '', claim, user, lease (ms). Answers nothing, or {epoch, name, prevInstance, prevEpoch}.
 */
export const CLAIM = new Script(`${NOW}${ENTERS}
local s = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'instance', 'until', 'name', 'claim', 'prevInstance', 'prevEpoch')
if not s[1] or s[3] ~= ARGV[1] then return {} end
if ARGV[2] ~= '' then
  if s[1] ~= ARGV[2] then return {} end
elseif s[5] ~= ARGV[3] then return {} end
local answer = {s[1], s[5], s[7] or '', s[8] or '0'}
if s[2] ~= 'live' or s[6] ~= ARGV[4] then
  if s[2] ~= 'issued' or tonumber(s[4]) <= now then return {} end
  redis.call('HSET', KEYS[1], 'state', 'live', 'claim', ARGV[4], 'older', '')
end
if KEYS[2] then enter(KEYS[2], ARGV[5], s[1], s[5], ARGV[6]) end
return answer`);

/** KEYS session. ARGV epoch, new instance. Answers 1 when it is the live one. */
export const RECLAIM = new Script(`${OPEN_CHANNEL}
local s = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'instance', 'prevInstance', 'prevEpoch')
local at, epoch = open(s[1], s[2], s[3], s[4], s[5])
if at == '' or epoch ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], s[2] == 'live' and 'instance' or 'prevInstance', ARGV[2])
return 1`);

/** KEYS session; where one server holds both, the online set too, which is left then. ARGV epoch, user. */
export const RELEASE = new Script(`${LEAVES}
local s = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'prevEpoch')
if s[1] == ARGV[1] then redis.call('HSET', KEYS[1], 'state', 'ended')
elseif s[2] == 'issued' and s[3] == ARGV[1] then redis.call('HSET', KEYS[1], 'prevInstance', '', 'prevEpoch', '0') end
if KEYS[2] then leave(KEYS[2], ARGV[2], ARGV[1]) end
return 1`);

/**
 * KEYS session. ARGV epoch, or '' for whichever is the newest. Answers {} or {instance, epoch} of what it ended, and of
 * the open channel before it or '', '0'.
 */
export const END = new Script(`${OPEN_CHANNEL}
local s = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'instance', 'prevInstance', 'prevEpoch')
if not s[1] or s[2] == 'ended' then return {} end
if ARGV[1] ~= '' and s[1] ~= ARGV[1] then return {} end
redis.call('HSET', KEYS[1], 'state', 'ended')
local at, epoch = open(s[1], s[2], s[3], s[4], s[5])
return {s[3], s[1], at, epoch}`);

/** KEYS online set. ARGV user, epoch, name, lease (ms). */
export const ENTER = new Script(`${ENTERS}
enter(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
return 1`);

/** KEYS online set. ARGV user, epoch. */
export const LEAVE = new Script(`${LEAVES}
leave(KEYS[1], ARGV[1], ARGV[2])
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
