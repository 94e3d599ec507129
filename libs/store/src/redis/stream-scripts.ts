/** Lua of streams, and the two packed values it shares with TypeScript: a stream's meta and an entry's head. */
import { Script } from './script.ts';

export interface StreamLimits {
  readonly maxEntries: number;
  readonly inboxUnackedBytes: number;
  readonly keptMs: number;
  readonly unackedMs: number;
  readonly producerTurnMs: number;
}

/** Before its items an append's argument has how many streams there are, then so much of each. */
export const STREAM_FIELDS = 6;
export const ITEM_FIELDS = 8;

/**
 * A stream's meta is one string: top, first, bytes ever, settled seq, settled bytes, when the oldest entry was stored
 * (or a little before), when the producers were turned, id of the top. Settled is what waits for nobody: acked, or
 * trimmed for its age. An entry has two fields: h, its head (sender, counter, when stored, bytes ever with it,
 * producer, id of the one before or "-", sender's name), and d, its content.
 */
const META = `
local int = function(n) return string.format('%d', n) end
local readMeta = function(key)
  local top, first, bytes, settled, settledBytes, firstAt, turned, topId =
    string.match(redis.call('GET', key) or '0 1 0 0 0 0 0 ', '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (.*)$')
  return {key = key, top = tonumber(top), first = tonumber(first), bytes = tonumber(bytes), settled = tonumber(settled),
    settledBytes = tonumber(settledBytes), firstAt = tonumber(firstAt), turned = tonumber(turned), topId = topId}
end
local writeMeta = function(m)
  redis.call('SET', m.key, string.format('%d %d %d %d %d %d %d %s',
    m.top, m.first, m.bytes, m.settled, m.settledBytes, m.firstAt, m.turned, m.topId))
end
local headOf = function(entry) return entry[2][1] == 'h' and entry[2][2] or entry[2][4] end
local storedAtOf = function(entry) return tonumber(string.match(headOf(entry), '^%d+ %d+ (%d+)')) end
local bytesAt = function(entry) return tonumber(string.match(headOf(entry), '^%d+ %d+ %d+ (%d+)')) end`;

/**
 * The only commit point: items, each by itself, in their order. KEYS: a log, which tells where the call belongs; on a
 * Cluster all keys lie in its shard. ARGV: one packed array of texts. First how many streams; then of each: 1 for an
 * inbox, else 0; the keys of its log, meta, producers, older producers; that of an inbox's account, or ''. Then of each
 * item: which stream; the key of a keyed send, '' for a counted one; sender, sender's name, producer, counter, digest
 * with what a keyed send is remembered for after a space, content.
 * Answers the time, then a text an item: ok seq prev | duplicate seq | gap last | conflict | full | unknown |
 * failed reason | skipped. Within an item XADD is the first write, since Redis refuses a seq that is not new. A stream's
 * meta is written, and its log trimmed, once, after all items. With `touches` it is written too where the answer says
 * that something is stored already: who waits for the replicas waits for a write of its own.
 */
export const appendScript = (limits: StreamLimits, touches = false): Script =>
  new Script(`${META}
local all = cmsgpack.unpack(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local nowText = int(now)
local maxEntries, maxBytes, turn = ${limits.maxEntries}, ${limits.inboxUnackedBytes}, ${limits.producerTurnMs}
local kept, unackedKept, step = ${limits.keptMs}, ${limits.unackedMs}, 16
local metas = {}
local metaOf = function(s)
  local m = metas[s]
  if not m then
    m = readMeta(all[(s - 1) * ${STREAM_FIELDS} + 4])
    metas[s] = m
  end
  return m
end
local touch = function(s) ${touches ? 'metaOf(s).changed = true' : ''} end

-- What has become too old: where the log begins without it, what is settled then, when the new oldest was stored.
local aged = function(log, m, inbox)
  local first, settled, settledBytes, firstAt = m.first, m.settled, m.settledBytes, m.firstAt
  if first > m.top then return first, settled, settledBytes, firstAt end
  local limit = (not inbox or first <= settled) and kept or unackedKept
  if firstAt + limit > now then return first, settled, settledBytes, firstAt end
  for _, entry in ipairs(redis.call('XRANGE', log, int(first) .. '-0', '+', 'COUNT', step)) do
    local seq = tonumber(string.match(entry[1], '^%d+'))
    firstAt = storedAtOf(entry)
    limit = (not inbox or seq <= settled) and kept or unackedKept
    if firstAt + limit > now then break end
    first = seq + 1
    if seq > settled then settled, settledBytes = seq, bytesAt(entry) end
  end
  return first, settled, settledBytes, firstAt
end

local append = function(s, a)
  local k = (s - 1) * ${STREAM_FIELDS} + 1
  local log, producers, older = all[k + 2], all[k + 4], all[k + 5]
  local inbox, keyed = all[k + 1] == '1', all[a + 1] ~= '' and all[a + 1]
  local sender, name, producer, counter, digest, content =
    all[a + 2], all[a + 3], all[a + 4], all[a + 5], all[a + 6], all[a + 7]
  local field = sender .. ':' .. producer
  local remember

  if keyed then
    digest, remember = string.match(digest, '^(%S+) (%d+)$')
    local seen = redis.call('GET', keyed)
    if seen then
      local d, seq = string.match(seen, '^(%S+) (%d+)$')
      if d ~= digest then return 'conflict' end
      touch(s)
      return 'duplicate ' .. seq
    end
  else
    local n, last = tonumber(counter), redis.call('HGET', producers, field) or redis.call('HGET', older, field)
    local lastCounter = 0
    if last then
      local c, seq, d = string.match(last, '^(%d+) (%d+) (%S+)$')
      lastCounter = tonumber(c)
      if n == lastCounter and d ~= digest then return 'conflict' end
      if n <= lastCounter or n > lastCounter + 1 then touch(s) end
      if n <= lastCounter then return 'duplicate ' .. seq end
    end
    if n > lastCounter + 1 then return 'gap ' .. int(lastCounter) end
  end

  local m = metaOf(s)
  -- Accounts stay: one that has had a message needs no second look.
  if inbox and m.top == 0 and redis.call('EXISTS', all[k + 6]) == 0 then return 'unknown' end
  local first, settled, settledBytes, firstAt = aged(log, m, inbox)
  local bytes, seq = m.bytes + #content, m.top + 1
  if inbox and (seq - settled > maxEntries or bytes - settledBytes > maxBytes) then return 'full' end
  if not inbox then settled, settledBytes = m.top, m.bytes end

  local prev, seqText = m.topId, int(seq)
  redis.call('XADD', log, seqText .. '-0', 'h', sender .. ' ' .. counter .. ' ' .. nowText .. ' ' .. int(bytes) .. ' ' ..
    producer .. ' ' .. (prev == '' and '-' or prev) .. ' ' .. name, 'd', content)
  first = math.max(first, math.min(seq - maxEntries + 1, settled + 1))
  if first > m.first then m.log = log end
  if first == seq then firstAt = now end
  if now - m.turned >= turn then
    redis.call('UNLINK', older)
    if redis.call('EXISTS', producers) == 1 then redis.call('RENAME', producers, older) end
    m.turned = now
  end
  if keyed then redis.call('SET', keyed, digest .. ' ' .. seqText, 'PX', remember)
  else redis.call('HSET', producers, field, counter .. ' ' .. seqText .. ' ' .. digest) end
  m.top, m.first, m.bytes, m.settled, m.settledBytes, m.firstAt = seq, first, bytes, settled, settledBytes, firstAt
  m.topId, m.changed = field .. ':' .. counter, true
  return 'ok ' .. seqText .. ' ' .. prev
end

local answers, count, failed = {nowText}, 1, nil
for a = 2 + tonumber(all[1]) * ${STREAM_FIELDS}, #all, ${ITEM_FIELDS} do
  local stream = tonumber(all[a])
  local who = failed and stream .. ' ' .. all[a + 2] .. ' ' .. all[a + 4]
  local done, answer = true, 'skipped'
  if not (failed and failed[who]) then done, answer = pcall(append, stream, a) end
  if not done then
    failed = failed or {}
    failed[stream .. ' ' .. all[a + 2] .. ' ' .. all[a + 4]] = true
    answer = 'failed ' .. tostring(type(answer) == 'table' and answer.err or answer)
  end
  count = count + 1
  answers[count] = answer
end
for _, m in pairs(metas) do
  if m.log then redis.call('XTRIM', m.log, 'MINID', int(m.first) .. '-0') end
  if m.changed then writeMeta(m) end
end
return answers`);

export const ACK_KEYS = 4;
export const ACK_ARGS = 5;

/**
 * Cursors of users of one shard. KEYS an item: session, cursors, and for an inbox its log and meta (else the first
 * two again). ARGV an item: epoch, stream name, seq, id, whether an inbox (1, 0).
 */
export const ACK = new Script(`${META}
-- What is acked of an inbox waits for nobody. False: it is above the top.
local settle = function(log, key, seq)
  local m = readMeta(key)
  if seq > m.top then return false end
  if seq <= m.settled then return true end
  local entry = seq < m.top and redis.call('XRANGE', log, int(seq) .. '-0', int(seq) .. '-0')[1]
  m.settled, m.settledBytes = seq, entry and bytesAt(entry) or m.bytes
  writeMeta(m)
  return true
end

for i = 0, #KEYS / ${ACK_KEYS} - 1 do
  local k, a = i * ${ACK_KEYS}, i * ${ACK_ARGS}
  local cursors, name, seq = KEYS[k + 2], ARGV[a + 2], tonumber(ARGV[a + 3])
  local epoch, state, prevInstance, prevEpoch =
    unpack(redis.call('HMGET', KEYS[k + 1], 'epoch', 'state', 'prevInstance', 'prevEpoch'))
  local before = state == 'issued' and prevInstance and prevInstance ~= ''
  if epoch == ARGV[a + 1] or before and prevEpoch == ARGV[a + 1] then
    local before = redis.call('HGET', cursors, name)
    if not before or tonumber(string.match(before, '^%d+')) < seq then
      if ARGV[a + 5] == '0' or settle(KEYS[k + 3], KEYS[k + 4], seq) then
        redis.call('HSET', cursors, name, ARGV[a + 3] .. ' ' .. ARGV[a + 4])
      end
    end
  end
end
return 1`);

/** KEYS dirty set. ARGV stream name, how long it is kept (ms). */
export const MARK_DIRTY = new Script(`
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`);

/** KEYS dirty set. Answers stream names and forgets them. */
export const TAKE_DIRTY = new Script(`
local names = redis.call('SMEMBERS', KEYS[1])
if #names > 0 then redis.call('UNLINK', KEYS[1]) end
return names`);
