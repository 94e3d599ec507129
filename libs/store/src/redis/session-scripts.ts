/** Lua of sessions. Each works on one user's session hash, or on one instance's online set. */
import { Script } from './script.ts';

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** The epoch after this one. By the clock: a store that has lost its newest sessions gives none of their epochs again. */
const NEXT_EPOCH = `
local nextEpoch = function(epoch) return string.format('%d', math.max(tonumber(epoch) + 1, now)) end`;

/** Where the open channel is, if there is one: of the live session, or of the one before an unclaimed login. */
const OPEN_CHANNEL = `
local open = function(epoch, state, instance, prevInstance, prevEpoch)
  if state == 'live' then return instance, epoch end
  if state == 'issued' and prevInstance and prevInstance ~= '' then return prevInstance, prevEpoch end
  return '', '0'
end`;

/**
 * Whether a login still waits for its claim, and stands in the way of another. Not when it would wait half as long again
 * as a login is issued for: the clock has gone back since, and nobody is locked out until it has caught up.
 */
const WAITS = `
local waits = function(state, till, issuedMs)
  local left = state == 'issued' and tonumber(till) - now or 0
  return left > 0 and left <= tonumber(issuedMs) * 1.5
end`;

/** How many secrets of logins that nobody claimed count, with the one claimed last. */
const SECRETS = 8;

/**
 * KEYS session, account. ARGV expected epoch, state, instance of the open channel or '', whether its lease lives (1, 0);
 * policy, instance, name, secret hash, how long issued (ms), attempt; the hash that the login was checked by: of the
 * shown secret under the policy `replace`, else of the account's password, '' for none; device, label.
 * Expected epoch '': nothing was looked at yet, which is enough when no channel is open.
 * Answers again | repeat | stale | the new epoch, the same one to the same attempt.
 */
export const ISSUE = new Script(`${NOW}${NEXT_EPOCH}${OPEN_CHANNEL}${WAITS}
local s = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'instance', 'prevInstance', 'prevEpoch', 'until', 'attempt',
  'secret', 'older')
local epoch, state = s[1] or '0', s[2] or ''
if s[7] == ARGV[10] then return epoch end
local secrets, shown = {}, false
for secret in string.gmatch((s[8] or '') .. ' ' .. (s[9] or ''), '%S+') do
  table.insert(secrets, secret)
  shown = shown or secret == ARGV[11]
end
if ARGV[5] ~= 'replace' then shown = (redis.call('HGET', KEYS[2], 'password') or '') == ARGV[11] end
if not shown then return 'stale' end
local at, atEpoch = open(epoch, state, s[3], s[4], s[5])
if ARGV[1] == '' then
  if at ~= '' then return 'again' end
elseif epoch ~= ARGV[1] or state ~= ARGV[2] or at ~= ARGV[3] then return 'again' end
if ARGV[4] ~= '1' then at, atEpoch = '', '0' end
if (at ~= '' or waits(state, s[6], ARGV[9])) and ARGV[5] == 'reject' then return 'repeat' end
-- The last is the oldest, and the one that was claimed.
while #secrets >= ${SECRETS} do table.remove(secrets, #secrets - 1) end
local next = nextEpoch(epoch)
redis.call('HSET', KEYS[1], 'epoch', next, 'state', 'issued', 'instance', ARGV[6], 'name', ARGV[7], 'secret', ARGV[8],
  'older', table.concat(secrets, ' '), 'until', string.format('%d', now + tonumber(ARGV[9])), 'attempt', ARGV[10],
  'claim', '', 'prevInstance', at, 'prevEpoch', atEpoch, 'device', ARGV[12], 'label', ARGV[13], 'seenAt', now)
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
 * name or '', claim, user, lease (ms), how long issued (ms). Answers nothing, or {epoch, name, prevInstance, prevEpoch, device, label}.
 */
export const CLAIM = new Script(`${NOW}${ENTERS}${WAITS}
local s = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'instance', 'until', 'name', 'claim', 'prevInstance', 'prevEpoch',
  'secret', 'device', 'label')
if not s[1] or s[3] ~= ARGV[1] then return {} end
if ARGV[2] ~= '' then
  if s[1] ~= ARGV[2] then return {} end
-- A login that was issued with a secret is not redeemed by a name.
elseif s[5] ~= ARGV[3] or s[9] ~= '' then return {} end
local answer = {s[1], s[5], s[7] or '', s[8] or '0', s[10] or 'cim', s[11] or ''}
if s[2] ~= 'live' or s[6] ~= ARGV[4] then
  if not waits(s[2], s[4], ARGV[7]) then return {} end
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
 * KEYS session. ARGV the hash of a secret, or '' for whatever is current; device, or '' for all. Answers {} or {instance, epoch} of the newest
 * login if it ended that one, else '', '0'; then the same of the open channel that it ended, or '', '0'.
 */
export const END = new Script(`${NOW}${NEXT_EPOCH}${OPEN_CHANNEL}
local s = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'instance', 'prevInstance', 'prevEpoch', 'secret', 'older', 'device')
if not s[1] or ARGV[2] ~= '' and ARGV[2] ~= s[8] then return {} end
local at, epoch = open(s[1], s[2], s[3], s[4], s[5])
if ARGV[1] ~= '' and ARGV[1] ~= s[6] then
  local newer, found = {}, false
  for secret in string.gmatch(s[7] or '', '%S+') do
    found = found or secret == ARGV[1]
    if not found then table.insert(newer, secret) end
  end
  if not found then return {} end
  redis.call('HSET', KEYS[1], 'older', table.concat(newer, ' '), 'prevInstance', '', 'prevEpoch', '0')
  return at == '' and {} or {'', '0', at, epoch, s[8] or 'cim'}
end
-- Who has only a name keeps its epoch: a CIM client acks by what the kernel took, and logs out right behind it.
local named = s[6] == '' and (s[7] or '') == ''
redis.call('HSET', KEYS[1], 'epoch', named and s[1] or nextEpoch(s[1]), 'state', 'ended', 'secret', '', 'older', '', 'attempt', '',
  'claim', '', 'prevInstance', '', 'prevEpoch', '0')
if s[2] == 'ended' then return {} end
return {s[3], s[1], at, epoch, s[8] or 'cim'}`);

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

/**
 * KEYS lease. ARGV lease (ms). A lease that would live longer than one was renewed before the clock went back: from now
 * on it has the usual time, in which its server renews it if it lives.
 */
export const SHORTEN = new Script(`
if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1`);
