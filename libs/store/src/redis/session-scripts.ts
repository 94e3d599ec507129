/**
 * Lua of sessions. Each works on one user's sessions, or on one instance's online set.
 *
 * A user's sessions are one hash with a field per device (its key: the device id). A record is
 * `epoch state instance previous {JSON}`; `previous` is "-", or `device@epoch@instance` of the sessions before it, with
 * commas: of an issued login the live one of its device, of a claimed one those that it has replaced. `replaced` is the
 * state of a session that a login of another device has ended, under a policy of one session per user. `born` and
 * `olderBorn` say when the lives of `secret` and of those in `older` began (ms).
 *
 * The version before had one session per user, in plain fields of the same hash. The scripts read it as the record of
 * `cim` or of `default`, and leave it as it is until a login comes through a route of this version: so servers of the
 * version before go on with it during a rolling upgrade.
 */
import { ANY_INSTANCE } from '@cim/protocol';
import { FEED_LUA } from './feed-lua.ts';
import { Script } from './script.ts';

/** Most records of one user. */
const RECORDS = 64;
/** Number of secrets of one device that are valid: those of unclaimed logins, and the one claimed last. */
const SECRETS = 8;

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local int = function(n) return string.format('%d', n) end`;

/** `load` reads all records. KEYS[1] is the hash. */
const RECORDS_LUA = `
local FLAT = {'epoch', 'state', 'instance', 'name', 'secret', 'older', 'until', 'attempt', 'claim', 'prevInstance', 'prevEpoch'}
local parse = function(device, text)
  local epoch, state, instance, previous, json = string.match(text, '^(%d+) (%a+) (%S+) (%S+) (.*)$')
  local r = cjson.decode(json)
  r.device, r.epoch, r.state, r.instance, r.previous = device, epoch, state, instance, {}
  -- The version before did not note it.
  if not r.born then r.born = r.seen ~= '0' and r.seen or r.epoch end
  for d, e, i in string.gmatch(previous, '([^@,]+)@(%d+)@([^@,]+)') do
    table.insert(r.previous, {device = d, epoch = e, instance = i})
  end
  return r
end
local joined = function(list)
  local texts = {}
  for i, p in ipairs(list) do texts[i] = p.device .. '@' .. p.epoch .. '@' .. p.instance end
  return #texts == 0 and '-' or table.concat(texts, ',')
end
local write = function(r)
  if r.flat then
    local p = r.previous[1] or {instance = '', epoch = '0'}
    redis.call('HSET', KEYS[1], 'epoch', r.epoch, 'state', r.state, 'instance', r.instance, 'name', r.name, 'secret', r.secret,
      'older', r.older, 'until', r.till, 'attempt', r.attempt, 'claim', r.claim, 'prevInstance', p.instance, 'prevEpoch', p.epoch)
    return
  end
  redis.call('HSET', KEYS[1], r.device, r.epoch .. ' ' .. r.state .. ' ' .. r.instance .. ' ' .. joined(r.previous) .. ' ' ..
    cjson.encode({name = r.name, label = r.label, one = r.one, seen = r.seen, till = r.till, attempt = r.attempt,
      claim = r.claim, secret = r.secret, older = r.older, born = r.born, olderBorn = r.olderBorn}))
end
-- Where the open channel is, if there is one: of the live session, or of the one before an unclaimed login.
local open = function(r)
  if r.state == 'live' then return r.instance, r.epoch end
  if r.state == 'issued' and r.previous[1] then return r.previous[1].instance, r.previous[1].epoch end
end
local isOver = function(r) return r.state == 'ended' or r.state == 'replaced' end
local hasSecret = function(r) return r.secret ~= '' or r.older ~= '' end
local load = function(upgrade)
  local fields, list, of = redis.call('HGETALL', KEYS[1]), {}, {}
  for i = 1, #fields, 2 do
    local field = fields[i]
    of[field] = fields[i + 1]
    if field == 'cim' or field == 'default' or #field >= 16 then table.insert(list, parse(field, fields[i + 1])) end
  end
  if not of.epoch then return list end
  local r = {flat = true, one = 'user', label = '', seen = '0', previous = {}, till = of['until'] or '0'}
  for _, field in ipairs({'epoch', 'state', 'instance', 'name', 'secret', 'older', 'attempt', 'claim'}) do r[field] = of[field] or '' end
  r.device, r.born = hasSecret(r) and 'default' or 'cim', r.epoch
  if of.prevInstance and of.prevInstance ~= '' then
    r.previous = {{device = r.device, epoch = of.prevEpoch, instance = of.prevInstance}}
  end
  if upgrade or #list > 0 then
    -- A route of the version before has logged the user in, who had a session of this version.
    for i = #list, 1, -1 do
      if list[i].device == r.device then
        local at, epoch = open(list[i])
        if at and r.state == 'issued' then r.previous = {{device = r.device, epoch = epoch, instance = at}} end
        table.remove(list, i)
      end
    end
    r.flat = nil
    redis.call('HDEL', KEYS[1], unpack(FLAT))
    write(r)
  end
  table.insert(list, r)
  return list
end
local recordOf = function(list, device)
  for _, r in ipairs(list) do
    if r.device == device or r.flat and (device == 'cim' or device == 'default') then return r end
  end
end
local newest = function(list)
  local top = 0
  for _, r in ipairs(list) do top = math.max(top, tonumber(r.epoch)) end
  return top
end`;

/**
 * Whether a login still waits for its claim and blocks another one. It does not when a later login ends all
 * sessions of the user. It does not when it would wait half as long again as a login stays issued: then the
 * clock has gone back, and nobody is locked out until it has caught up.
 */
const WAITS = `
local waits = function(list, r, issuedMs)
  local left = r.state == 'issued' and tonumber(r.till) - now or 0
  if left <= 0 or left > tonumber(issuedMs) * 1.5 then return false end
  for _, other in ipairs(list) do
    if other.one == 'user' and tonumber(other.epoch) > tonumber(r.epoch) then return false end
  end
  return true
end`;

/**
 * KEYS sessions, account, cursors. ARGV policy, `user` or `device`: one session for each, device, label, instance, name,
 * secret hash, how long issued (ms), attempt; the hash that the login was checked by: of the shown secret under the
 * policy `replace`, else of the account's password, '' for none; how many devices, how long a record outlives its
 * session (ms); then of each instance that was asked for: its id, whether its lease lives (1, 0).
 * Answers {again, instances}: ask for their leases first; {stale}; {too-many}; {repeat, sessions as in a record};
 * {issued, epoch}, the same one to the same attempt.
 */
export const ISSUE = new Script(`${NOW}${RECORDS_LUA}${WAITS}
local policy, one, device = ARGV[1], ARGV[2], ARGV[3]
local list = load(true)
local mine = recordOf(list, device)
if mine and mine.attempt == ARGV[9] then return {'issued', mine.epoch} end
local secrets = {}
if mine then for secret in string.gmatch(mine.secret .. ' ' .. mine.older, '%S+') do table.insert(secrets, secret) end end
local counts, born = false, int(now)
if policy ~= 'replace' then counts = (redis.call('HGET', KEYS[2], 'password') or '') == ARGV[10]
else
  for _, r in ipairs(list) do
    for secret in string.gmatch(r.secret .. ' ' .. r.older, '%S+') do
      if secret == ARGV[10] and (one == 'user' or r == mine) then
        counts, born = true, secret ~= r.secret and r.olderBorn or r.born
      end
    end
  end
end
if not counts then return {'stale'} end
local leases, again = {}, {'again'}
for i = 13, #ARGV, 2 do leases[ARGV[i]] = ARGV[i + 1] end
for _, r in ipairs(list) do
  local at = open(r)
  if at and not leases[at] then table.insert(again, at) end
end
if #again > 1 then return again end
local isOpen = function(r) local at = open(r) return at and leases[at] == '1' end
local stands, live, others = false, {}, 0
for _, r in ipairs(list) do
  local isLive = isOpen(r)
  local here = isLive or waits(list, r, ARGV[8])
  if r ~= mine and (here or hasSecret(r)) then others = others + 1 end
  if here and (r == mine or policy == 'reject') then
    stands = true
    local at, epoch = open(r)
    if isLive then table.insert(live, {device = r.device, epoch = epoch, instance = at}) end
  end
end
if stands and (policy == 'reject' or policy == 'devices' and (device == 'cim' or device == 'default')) then
  return {'repeat', joined(live)}
end
if policy == 'devices' and others >= tonumber(ARGV[11]) then return {'too-many'} end
-- The last is the oldest, and the one that was claimed.
while #secrets >= ${SECRETS} do table.remove(secrets, #secrets - 1) end
local olderBorn
if mine and hasSecret(mine) then olderBorn = int(math.min(tonumber(mine.born), tonumber(mine.olderBorn or mine.born))) end
local previous = {}
if mine and isOpen(mine) then
  local at, epoch = open(mine)
  previous = {{device = device, epoch = epoch, instance = at}}
end
-- By the clock: a store that has lost its newest sessions gives none of their epochs again.
local next = int(math.max(newest(list) + 1, now))
write({device = device, epoch = next, state = 'issued', instance = ARGV[5], previous = previous, name = ARGV[6],
  label = ARGV[4], one = one, seen = int(now), till = int(now + tonumber(ARGV[8])), attempt = ARGV[9], claim = '',
  secret = ARGV[7], older = table.concat(secrets, ' '), born = born, olderBorn = olderBorn})

local rest, gone = {}, {}
for _, r in ipairs(list) do
  if r ~= mine then
    if one == 'user' and open(r) and not isOpen(r) then
      if r.state == 'live' then r.state = 'replaced' end
      r.previous = {}
      write(r)
    end
    local done = isOver(r) and not hasSecret(r)
    r.rank = done and 0 or isOpen(r) and 2 or 1
    if done and tonumber(r.seen) + tonumber(ARGV[12]) <= now then gone[r.device] = true else table.insert(rest, r) end
  end
end
table.sort(rest, function(a, b)
  if a.rank ~= b.rank then return a.rank < b.rank end
  return tonumber(a.epoch) < tonumber(b.epoch)
end)
for i = 1, #rest - ${RECORDS - 1} do gone[rest[i].device] = true end
for removed in pairs(gone) do
  redis.call('HDEL', KEYS[1], removed)
  local fields = redis.call('HGETALL', KEYS[3])
  for i = 1, #fields, 2 do
    if string.sub(fields[i], -#removed - 1) == ' ' .. removed then redis.call('HDEL', KEYS[3], fields[i]) end
  end
end
return {'issued', next}`);

/**
 * An online set is a hash: user id → `epoch:device,epoch:device name`. A later session's entry stays.
 * `others` are the entries that an act of that epoch of the device leaves there; its second answer is whether one of them
 * is a later one of the device.
 */
const ONLINE = `
local others = function(there, device, epoch)
  local kept, later = {}, false
  for e, d in string.gmatch(string.match(there or '', '^%S*'), '(%d+):([^,]+)') do
    local isLater = d == device and tonumber(e) > tonumber(epoch)
    later = later or isLater
    if d ~= device or isLater then table.insert(kept, e .. ':' .. d) end
  end
  return kept, later
end
local enter = function(online, user, device, epoch, name, lease)
  local kept, later = others(redis.call('HGET', online, user), device, epoch)
  if later then return end
  table.insert(kept, epoch .. ':' .. device)
  redis.call('HSET', online, user, table.concat(kept, ',') .. ' ' .. name)
  if redis.call('PTTL', online) < 0 then redis.call('PEXPIRE', online, lease) end
end
local leave = function(online, user, device, epoch)
  local there = redis.call('HGET', online, user)
  if not there then return end
  local kept = others(there, device, epoch)
  if #kept == 0 then redis.call('HDEL', online, user)
  else redis.call('HSET', online, user, table.concat(kept, ',') .. string.match(there, ' .*$')) end
end`;

/**
 * Users who are online, as the feed of events has told; only while it is on for them. Of each shard `present`, a hash: user →
 * "instance,instance name", and `present-at`, a hash: instance → how many users are there. `present` follows an act on the records of
 * a user. Only an act that brings the user to an instance (`appears`) adds one: the record of a session stays as it is when its im-server
 * has died.
 */
const PRESENCE = `${FEED_LUA}
local present = function(list, appears, name)
  local tag, user = string.match(KEYS[1], '^(.-):sess:(.*)$')
  local most = feedMost(redis.call('GET', tag .. ':feed-on'), 'p')
  local was = most and redis.call('HGET', tag .. ':present', user)
  if not was and not (most and appears) then return end
  local changes, here = {}, {}
  for at in string.gmatch(was and string.match(was, '^%S*') or '', '[^,]+') do changes[at] = -1 end
  for _, r in ipairs(list) do
    local at = open(r)
    if at and (changes[at] == -1 or at == appears and not changes[at]) then
      changes[at] = (changes[at] or 0) + 1
      here[#here + 1] = at
    end
  end
  for at, change in pairs(changes) do
    if change ~= 0 then
      -- HINCRBY would be one more command that an operator has to permit.
      local count = (tonumber(redis.call('HGET', tag .. ':present-at', at)) or 0) + change
      if count > 0 then redis.call('HSET', tag .. ':present-at', at, int(count)) else redis.call('HDEL', tag .. ':present-at', at) end
    end
  end
  name = was and string.match(was, ' (.*)$') or name
  if #here > 0 then redis.call('HSET', tag .. ':present', user, table.concat(here, ',') .. ' ' .. name)
  else redis.call('HDEL', tag .. ':present', user) end
  if (#here > 0) ~= (was and true or false) then feedPresence(tag, most, #here > 0 and 'online' or 'offline', user, name, now) end
end`;

/**
 * KEYS sessions; where one server holds both, the online set too, which is entered then. ARGV instance, epoch or '',
 * name or '', claim, user, lease (ms), how long issued (ms). Answers nothing, or {epoch, name, device, label, the sessions
 * that it replaces, the other devices that are live (both as in a record), when its secret's life began}.
 */
export const CLAIM = new Script(`${NOW}${RECORDS_LUA}${WAITS}${ONLINE}${PRESENCE}
local list, r = load(false)
for _, record in ipairs(list) do
  if ARGV[2] == '' then
    if record.device == 'cim' or record.flat then r = record end
  elseif record.epoch == ARGV[2] and not isOver(record) then r = record end
end
if not r or r.instance ~= ARGV[1] and r.instance ~= '${ANY_INSTANCE}' then return {} end
-- A login that was issued with a secret is not redeemed by a name.
if ARGV[2] == '' and (r.name ~= ARGV[3] or r.secret ~= '') then return {} end
local live = {}
if r.state ~= 'live' or r.claim ~= ARGV[4] then
  if not waits(list, r, ARGV[7]) then return {} end
  r.state, r.instance, r.claim, r.older, r.olderBorn, r.seen = 'live', ARGV[1], ARGV[4], '', nil, int(now)
  for _, other in ipairs(list) do
    local at, epoch = open(other)
    if other ~= r and r.one == 'user' and (at or hasSecret(other)) then
      if at then
        table.insert(r.previous, {device = other.device, epoch = epoch, instance = at})
        other.seen = int(now)
      end
      other.epoch, other.state, other.previous = r.epoch, 'replaced', {}
      other.secret, other.older, other.attempt, other.claim = '', '', '', ''
      write(other)
    end
  end
  write(r)
end
for _, other in ipairs(list) do
  local at, epoch = open(other)
  if at and other ~= r then table.insert(live, {device = other.device, epoch = epoch, instance = at}) end
end
if KEYS[2] then enter(KEYS[2], ARGV[5], r.device, r.epoch, r.name, ARGV[6]) end
present(list, r.instance, r.name)
return {r.epoch, r.name, r.device, r.label, joined(r.previous), joined(live), r.secret == '' and '0' or r.born}`);

/** KEYS sessions. ARGV device, epoch, new instance. Answers 1 when it is the live session. */
export const RECLAIM = new Script(`${NOW}${RECORDS_LUA}${PRESENCE}
local list = load(false)
local r = recordOf(list, ARGV[1])
local at, epoch
if r then at, epoch = open(r) end
if not at or epoch ~= ARGV[2] then return 0 end
if r.state == 'live' then r.instance = ARGV[3] else r.previous[1].instance = ARGV[3] end
write(r)
present(list, ARGV[3], r.name)
return 1`);

/** KEYS sessions; where one server holds both, the online set too, which is left then. ARGV device, epoch, user. */
export const RELEASE = new Script(`${NOW}${RECORDS_LUA}${ONLINE}${PRESENCE}
local list = load(false)
local r = recordOf(list, ARGV[1])
if r and not isOver(r) then
  if r.epoch == ARGV[2] then
    r.state, r.previous, r.seen = 'ended', {}, int(now)
    write(r)
  elseif r.state == 'issued' and r.previous[1] and r.previous[1].epoch == ARGV[2] then
    r.previous = {}
    write(r)
  end
end
if KEYS[2] then leave(KEYS[2], ARGV[3], ARGV[1], ARGV[2]) end
present(list)
return 1`);

/**
 * KEYS the switch of a shard's feed. ARGV an instance whose lease has lapsed. Its users leave `present`; those who are nowhere else are
 * offline.
 */
export const SWEEP = new Script(`${NOW}${FEED_LUA}
local tag = string.match(KEYS[1], '^(.-):feed%-on$')
local most = feedMost(redis.call('GET', KEYS[1]), 'p')
if not most or redis.call('HDEL', tag .. ':present-at', ARGV[1]) == 0 then return 0 end
local fields = redis.call('HGETALL', tag .. ':present')
for i = 1, #fields, 2 do
  local user, here, left = fields[i], {}, false
  local places, name = string.match(fields[i + 1], '^(%S*) (.*)$')
  for at in string.gmatch(places, '[^,]+') do
    if at == ARGV[1] then left = true else here[#here + 1] = at end
  end
  if left and #here > 0 then redis.call('HSET', tag .. ':present', user, table.concat(here, ',') .. ' ' .. name)
  elseif left then
    redis.call('HDEL', tag .. ':present', user)
    feedPresence(tag, most, 'offline', user, name, now)
  end
end
return 1`);

/**
 * KEYS sessions. ARGV the hash of a secret, or ''; a device, or ''; both '': all devices. Answers for each device of which
 * it ended something five texts: the device; instance and epoch of its newest login if it ended that one, else '', '0';
 * then the same of the open channel that it ended, or '', '0'.
 */
export const END = new Script(`${NOW}${RECORDS_LUA}${PRESENCE}
local list, ended = load(false), {}
local top = newest(list)
for _, r in ipairs(list) do
  local at, epoch = open(r)
  local isMeant = ARGV[2] == '' or recordOf({r}, ARGV[2])
  if ARGV[1] == '' and isMeant or ARGV[1] ~= '' and r.secret == ARGV[1] then
    if not isOver(r) then
      r.seen = int(now)
      for _, text in ipairs({r.device, r.instance, r.epoch, at or '', epoch or '0'}) do table.insert(ended, text) end
    end
    -- Who has only a name keeps its epoch: a CIM client acks by what the kernel took, and logs out right behind it.
    if hasSecret(r) then
      top = math.max(top + 1, now)
      r.epoch = int(top)
    end
    r.state, r.secret, r.older, r.attempt, r.claim, r.previous = 'ended', '', '', '', '', {}
    write(r)
  elseif ARGV[1] ~= '' then
    local newer, found = {}, false
    for secret in string.gmatch(r.older, '%S+') do
      found = found or secret == ARGV[1]
      if not found then table.insert(newer, secret) end
    end
    if found then
      r.older = table.concat(newer, ' ')
      if r.state == 'issued' then r.previous = {} end
      write(r)
      if at then for _, text in ipairs({r.device, '', '0', at, epoch}) do table.insert(ended, text) end end
    end
  end
end
present(list)
return ended`);

/** KEYS online set. ARGV user, device, epoch, name, lease (ms). */
export const ENTER = new Script(`${ONLINE}
enter(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5])
return 1`);

/** KEYS online set. ARGV user, device, epoch. */
export const LEAVE = new Script(`${ONLINE}
leave(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
return 1`);

/** KEYS lease, online set. ARGV lease (ms). Answers 0 when it has lapsed: it is never revived. */
export const RENEW = new Script(`
if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1`);

/** KEYS lease. ARGV attempt, lease (ms). Answers 1 when the lease belongs to this attempt. */
export const OPEN = new Script(`
if redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') then return 1 end
return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0`);

/**
 * KEYS lease. ARGV lease (ms). A lease that would live longer than a lease can was renewed before the clock
 * went back. It gets the usual time from now on, in which its server renews it if it lives.
 */
export const SHORTEN = new Script(`
if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1`);
