/** Lua of streams, and the two packed values it shares with TypeScript: a stream's meta and an entry's head. */
import type { StreamLimits } from '../streams.ts';
import { Script } from './script.ts';

/** Before its items an append's argument has how many streams there are, then so much of each. */
export const STREAM_FIELDS = 2;
export const ITEM_FIELDS = 7;

/** A call to append may be carried out so late: meanwhile its sender may have asked again elsewhere, in ms. */
export const LATE_MS = 60_000;

/**
 * A stream's meta is one string: eight float64, big-endian (top, first, bytes ever, settled seq, settled bytes, when the
 * oldest entry was stored or a little before, whether producers were forgotten, counter of the top), then two texts that
 * end in a zero byte: "sender:producer" of the top ('' when there was none) and its digest. Settled is what waits for
 * nobody: acked, or trimmed for its age. The digest is there when the top is a counted send: the record of its producer
 * then is here alone, and goes to the producers when another one follows. An entry has two fields: h, its head (sender,
 * counter, when stored, bytes ever with it, producer, id of the one before or "-", sender's name), and d, its content.
 * Forgotten is 0 while the stream has a record of every producer it ever had. Older versions forgot by the clock and
 * wrote the time at which they last did [ms] there, so that their streams count as having forgotten.
 */
const META = `
local call, match, format = redis.call, string.match, string.format
local int = function(n) return format('%d', n) end
local metaOf = function(key, stored)
  if not stored then
    return {key = key, top = 0, first = 1, bytes = 0, settled = 0, settledBytes = 0, firstAt = 0, forgot = 0,
      topCounter = 0, topField = '', digest = ''}
  end
  local top, first, bytes, settled, settledBytes, firstAt, forgot, topCounter, topField, digest =
    struct.unpack('>ddddddddss', stored)
  return {key = key, top = top, first = first, bytes = bytes, settled = settled, settledBytes = settledBytes,
    firstAt = firstAt, forgot = forgot, topCounter = topCounter, topField = topField, digest = digest}
end
local packed = function(m)
  return struct.pack('>ddddddddss', m.top, m.first, m.bytes, m.settled, m.settledBytes, m.firstAt, m.forgot,
    m.topCounter, m.topField, m.digest)
end
local headOf = function(entry) return entry[2][1] == 'h' and entry[2][2] or entry[2][4] end
local storedAtOf = function(entry) return tonumber(match(headOf(entry), '^%d+ %d+ (%d+)')) end
local bytesAt = function(entry) return tonumber(match(headOf(entry), '^%d+ %d+ %d+ (%d+)')) end`;

/** What others want to know of a meta. */
export function readMeta(meta: Buffer | null): {
  readonly top: number;
  readonly first: number;
  /** `sender:producer:counter`, or ''. */
  readonly topId: string;
  readonly forgot: boolean;
} {
  if (meta === null) return { top: 0, first: 1, topId: '', forgot: false };
  const field = meta.toString('latin1', META_NUMBERS * 8, meta.indexOf(0, META_NUMBERS * 8));
  const counter = meta.readDoubleBE((META_NUMBERS - 1) * 8);
  return {
    top: meta.readDoubleBE(0),
    first: meta.readDoubleBE(8),
    topId: field && `${field}:${counter}`,
    forgot: meta.readDoubleBE(FORGOT_AT * 8) !== 0,
  };
}
const META_NUMBERS = 8;
const FORGOT_AT = 6;

/**
 * The only commit point: items, each by itself, in their order. KEYS: a log, which tells where the call belongs; on a
 * Cluster all keys lie in its shard. ARGV: one packed array of texts. First how many streams; then of each its shard
 * and its name, which its keys are made of; then of each item: which stream, sender, sender's name, producer, counter
 * (0: a keyed send; -1: the first, which may have been sent before), digest, with what a keyed send is remembered for
 * after a space, content.
 * Answers lines: the time, then of each item ok seq prev | duplicate seq | older seq last | gap last | conflict | full |
 * unknown | unknown-producer | failed reason | skipped. Older: the counter is below the last one, which is at seq.
 * Within an item XADD is the first write, since Redis refuses a seq that is not new. A stream's meta is written, and its
 * log trimmed, once, after all items. With `touches` it is written too where the answer says that something is stored
 * already: who waits for the replicas waits for a write of its own.
 * Every `redis.call` costs as much as all else about an item: metas are read by one and written by one, and an item
 * that is of the producer of the top needs one of its own.
 */
export const appendScript = (limits: StreamLimits, touches = false): Script =>
  new Script(`${META}
local all = cmsgpack.unpack(ARGV[1])
local max, min = math.max, math.min
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local nowText = int(now)
local maxEntries, maxBytes, window = ${limits.maxEntries}, ${limits.inboxUnackedBytes}, ${limits.producerEntries}
local kept, unackedKept, step = ${limits.keptMs}, ${limits.unackedMs}, 16
local streams, metaKeys = {}, {}
for s = 1, tonumber(all[1]) do
  local at = s * ${STREAM_FIELDS}
  metaKeys[s] = all[at] .. ':meta:' .. all[at + 1]
end
local metas = call('MGET', unpack(metaKeys))
-- Opened within an item: one that is damaged is a failure of its own items alone.
local streamAt = function(s)
  local at = s * ${STREAM_FIELDS}
  local tag, name = all[at], all[at + 1]
  local m = metaOf(metaKeys[s], metas[s])
  m.tag, m.name, m.log, m.producers = tag, name, tag .. ':log:' .. name, tag .. ':prod:' .. name
  m.user = match(name, '^inbox:(.*)$')
  streams[s] = m
  return m
end
local touch = function(m) ${touches ? 'm.changed = true' : ''} end
local olderOf = function(m) return m.tag .. ':prod-older:' .. m.name end

-- What has become too old: where the log begins without it, what is settled then, when the new oldest was stored.
local aged = function(m)
  local first, settled, settledBytes, firstAt = m.first, m.settled, m.settledBytes, m.firstAt
  if first > m.top then return first, settled, settledBytes, firstAt end
  local limit = (not m.user or first <= settled) and kept or unackedKept
  if firstAt + limit > now then return first, settled, settledBytes, firstAt end
  for _, entry in ipairs(call('XRANGE', m.log, int(first) .. '-0', '+', 'COUNT', step)) do
    local seq = tonumber(match(entry[1], '^%d+'))
    firstAt = storedAtOf(entry)
    limit = (not m.user or seq <= settled) and kept or unackedKept
    if firstAt + limit > now then break end
    first = seq + 1
    if seq > settled then settled, settledBytes = seq, bytesAt(entry) end
  end
  return first, settled, settledBytes, firstAt
end

local append = function(s, a)
  local m = streams[s] or streamAt(s)
  local sender, producer, counter, digest, content = all[a + 1], all[a + 3], all[a + 4], all[a + 5], all[a + 6]
  local field = sender .. ':' .. producer
  local keyed, remember
  local counted, ofTop = m.digest ~= '', m.topField == field

  if counter == '0' then
    keyed = m.tag .. ':key:' .. m.name .. ':' .. field
    digest, remember = match(digest, '^(%S+) (%d+)$')
    local seen = call('GET', keyed)
    if seen then
      local d, seq = match(seen, '^(%S+) (%d+)$')
      if d ~= digest then return 'conflict' end
      touch(m)
      return 'duplicate ' .. seq
    end
  else
    local again = counter == '-1'
    if again then counter = '1' end
    local n, lastCounter, lastSeq, lastDigest = tonumber(counter)
    if counted and ofTop then
      lastCounter, lastSeq, lastDigest = m.topCounter, m.top, m.digest
    else
      local last = call('HGET', m.producers, field) or call('HGET', olderOf(m), field)
      if last then
        lastCounter, lastSeq, lastDigest = match(last, '^(%d+) (%d+) (%S+)$')
        lastCounter = tonumber(lastCounter)
      end
    end
    if not lastCounter then
      if n > 1 then return 'unknown-producer' end
      if m.forgot ~= 0 then
        -- The same send may be under way on another connection. It must not be stored after this answer.
        local refused = m.tag .. ':key:' .. m.name .. ':' .. field .. ':1'
        if again then call('SET', refused, '', 'PX', ${LATE_MS}) end
        if again or call('EXISTS', refused) == 1 then return 'unknown-producer' end
      end
    elseif n ~= lastCounter + 1 then
      if n == lastCounter and lastDigest ~= digest then return 'conflict' end
      touch(m)
      if n == lastCounter then return 'duplicate ' .. int(lastSeq) end
      if n < lastCounter then return 'older ' .. int(lastSeq) .. ' ' .. int(lastCounter) end
      return 'gap ' .. int(lastCounter)
    end
  end

  -- Accounts stay: one that has had a message needs no second look.
  if m.user and m.top == 0 and call('EXISTS', m.tag .. ':acct:' .. m.user) == 0 then return 'unknown' end
  local first, settled, settledBytes, firstAt = aged(m)
  local bytes, seq = m.bytes + #content, m.top + 1
  if m.user and (seq - settled > maxEntries or bytes - settledBytes > maxBytes) then return 'full' end
  if not m.user then settled, settledBytes = m.top, m.bytes end

  local prev, seqText = m.topField == '' and '' or m.topField .. ':' .. int(m.topCounter), int(seq)
  call('XADD', m.log, seqText .. '-0', 'h', sender .. ' ' .. counter .. ' ' .. nowText .. ' ' .. int(bytes) .. ' ' ..
    producer .. ' ' .. (prev == '' and '-' or prev) .. ' ' .. all[a + 2], 'd', content)
  first = max(first, min(seq - maxEntries + 1, settled + 1))
  if first > m.first then m.trim = true end
  if first == seq then firstAt = now end
  if counted and (keyed or not ofTop) then
    call('HSET', m.producers, m.topField, int(m.topCounter) .. ' ' .. int(m.top) .. ' ' .. m.digest)
  end
  -- By position, not by the clock: what was last heard of in this window of entries, or the one before, is remembered.
  if seq % window == 0 then
    call('UNLINK', olderOf(m))
    if call('EXISTS', m.producers) == 1 then call('RENAME', m.producers, olderOf(m)) end
    if seq >= 2 * window then m.forgot = 1 end
  end
  if keyed then
    call('SET', keyed, digest .. ' ' .. seqText, 'PX', remember)
    digest = ''
  end
  m.top, m.first, m.bytes, m.settled, m.settledBytes, m.firstAt = seq, first, bytes, settled, settledBytes, firstAt
  m.topField, m.topCounter, m.digest, m.changed = field, tonumber(counter), digest, true
  return 'ok ' .. seqText .. ' ' .. prev
end

local answers, count, failed = {nowText}, 1, nil
for a = ${STREAM_FIELDS} * (1 + tonumber(all[1])), #all, ${ITEM_FIELDS} do
  local stream = tonumber(all[a])
  local who = failed and stream .. ' ' .. all[a + 1] .. ' ' .. all[a + 3]
  local done, answer = true, 'skipped'
  if not (failed and failed[who]) then done, answer = pcall(append, stream, a) end
  if not done then
    failed = failed or {}
    failed[stream .. ' ' .. all[a + 1] .. ' ' .. all[a + 3]] = true
    answer = 'failed ' .. string.gsub(tostring(type(answer) == 'table' and answer.err or answer), '%c', ' ')
  end
  count = count + 1
  answers[count] = answer
end
local written = {}
for _, m in pairs(streams) do
  if m.trim then call('XTRIM', m.log, 'MINID', int(m.first) .. '-0') end
  if m.changed then
    written[#written + 1] = m.key
    written[#written + 1] = packed(m)
  end
end
if #written > 0 then call('MSET', unpack(written)) end
return table.concat(answers, '\\n')`);

export const ACK_KEYS = 4;
export const ACK_ARGS = 5;

/**
 * Cursors of users of one shard. KEYS an item: session, cursors, and for an inbox its log and meta (else the first
 * two again). ARGV an item: epoch, stream name, seq, id, whether an inbox (1, 0).
 */
export const ACK = new Script(`${META}
-- What is acked of an inbox waits for nobody. False: it is above the top.
local settle = function(log, key, seq)
  local m = metaOf(key, call('GET', key))
  if seq > m.top then return false end
  if seq <= m.settled then return true end
  local entry = seq < m.top and redis.call('XRANGE', log, int(seq) .. '-0', int(seq) .. '-0')[1]
  m.settled, m.settledBytes = seq, entry and bytesAt(entry) or m.bytes
  call('SET', key, packed(m))
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

/**
 * KEYS log, meta. ARGV from, how many. Answers as XRANGE does. It writes, so that whoever then waits for the replicas
 * waits for what it has read.
 */
export const READ = new Script(
  `
local rows = redis.call('XRANGE', KEYS[1], ARGV[1] .. '-0', '+', 'COUNT', ARGV[2])
local meta = #rows > 0 and redis.call('GET', KEYS[2])
if meta then redis.call('SET', KEYS[2], meta) end
return rows`,
  'bytes',
);

/** KEYS meta. Answers it, and writes as `READ` does. */
export const READ_META = new Script(
  `
local meta = redis.call('GET', KEYS[1])
if meta then redis.call('SET', KEYS[1], meta) end
return meta`,
  'bytes',
);

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
