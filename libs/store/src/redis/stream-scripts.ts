/**
 * Lua scripts of streams, and the two packed values that they share with TypeScript: the meta of a stream and
 * the head of an entry.
 */
import { FEED_LUA } from './feed-lua.ts';
import { Script } from './script.ts';

/**
 * A stream's meta is one string. First eight float64, big-endian: top, first, bytes ever, settled seq, settled bytes, when
 * the oldest entry was stored or a little before, whether producers were forgotten, counter of the top. Then two texts that
 * end in a zero byte: "sender:producer" of the top ('' when there was none) and its digest. Then six float64 more: how many
 * entries counted as unread, the seq of the newest of them, when that was stored, the seq of the oldest event in the index
 * (0: none), how many copies of own messages there were ever, and how many of them are settled.
 *
 * Settled is what waits for nobody: acked, or trimmed for its age. Copies wait for nobody either, so that they are not among
 * the bytes, and are taken from the entries that are not settled.
 * The digest is there when the top is a counted send: the record of its producer then is here alone, and goes to the producers
 * when another one follows. Forgotten is 0 while the stream has a record of every producer it ever had. Older versions forgot
 * by the clock and wrote the time at which they last did [ms] there, so that their streams count as having forgotten.
 *
 * An entry has two fields: h, its head (sender, counter, when stored, bytes ever with it, producer, id of the one before or
 * "-", sender's name), and d, its content. Behind the bytes stand "/" and its n, and "/" and the copies ever with it if there are any.
 *
 * The version before wrote neither the six numbers nor what stands behind the bytes, and it reads both as if they were not
 * there. When it writes a meta it drops the six: the next append finds them again.
 */
export const META = `
local call, match, format = redis.call, string.match, string.format
local int = function(n) return format('%d', n) end
local metaOf = function(key, stored)
  if not stored then
    return {key = key, top = 0, first = 1, bytes = 0, settled = 0, settledBytes = 0, firstAt = 0, forgot = 0,
      topCounter = 0, topField = '', digest = '', shown = 0, shownSeq = 0, shownAt = 0, firstEvent = 0, own = 0, settledOwn = 0}
  end
  local top, first, bytes, settled, settledBytes, firstAt, forgot, topCounter, topField, digest, at =
    struct.unpack('>ddddddddss', stored)
  local m = {key = key, top = top, first = first, bytes = bytes, settled = settled, settledBytes = settledBytes,
    firstAt = firstAt, forgot = forgot, topCounter = topCounter, topField = topField, digest = digest}
  if at <= #stored then
    m.shown, m.shownSeq, m.shownAt, m.firstEvent, m.own, m.settledOwn = struct.unpack('>dddddd', stored, at)
  end
  return m
end
local packed = function(m)
  local old = struct.pack('>ddddddddss', m.top, m.first, m.bytes, m.settled, m.settledBytes, m.firstAt, m.forgot,
    m.topCounter, m.topField, m.digest)
  if not m.shown then return old end
  return old .. struct.pack('>dddddd', m.shown, m.shownSeq, m.shownAt, m.firstEvent, m.own, m.settledOwn)
end
local headOf = function(entry) return entry[2][1] == 'h' and entry[2][2] or entry[2][4] end
local storedAtOf = function(entry) return tonumber(match(headOf(entry), '^%d+ %d+ (%d+)')) end
-- What is settled with an entry: bytes, and copies of own messages.
local settledWith = function(entry)
  local bytes, own = match(headOf(entry), '^%d+ %d+ %d+ (%d+)/?%d*/?(%d*)')
  return tonumber(bytes), tonumber(own) or 0
end`;

const META_NUMBERS = 8;
const FORGOT_AT = 6;

/** The fields of a meta that TypeScript reads. */
export interface Meta {
  readonly top: number;
  readonly first: number;
  /** `sender:producer:counter`, or ''. */
  readonly topId: string;
  readonly forgot: boolean;
  readonly shown: number;
  readonly shownSeq: number;
  readonly shownAt: number;
}

const NO_META: Meta = { top: 0, first: 1, topId: '', forgot: false, shown: 0, shownSeq: 0, shownAt: 0 };

export function readMeta(meta: Buffer | null): Meta {
  if (meta === null) return NO_META;
  const fieldEnd = meta.indexOf(0, META_NUMBERS * 8);
  const field = meta.toString('latin1', META_NUMBERS * 8, fieldEnd);
  const counter = meta.readDoubleBE((META_NUMBERS - 1) * 8);
  const more = meta.indexOf(0, fieldEnd + 1) + 1;
  const isOld = more >= meta.length;
  return {
    top: meta.readDoubleBE(0),
    first: meta.readDoubleBE(8),
    topId: field && `${field}:${counter}`,
    forgot: meta.readDoubleBE(FORGOT_AT * 8) !== 0,
    shown: isOld ? 0 : meta.readDoubleBE(more),
    shownSeq: isOld ? 0 : meta.readDoubleBE(more + 8),
    shownAt: isOld ? 0 : meta.readDoubleBE(more + 16),
  };
}

export const ACK_KEYS = 4;
export const ACK_ARGS = 6;

/**
 * Cursors of users of one shard. KEYS an item: sessions, cursors, and for an inbox its log and meta (else the first
 * two again). ARGV an item: epoch, stream name, seq, id, whether an inbox (1, 0), device.
 * The cursors of a stream are the field `stream`, the highest of any device; `stream @`, the device whose cursor that is;
 * and `stream device`, the cursor of any other device. The version before has the first alone, and may move it on.
 */
export const ACK = new Script(`${META}${FEED_LUA}
-- What is acked of an inbox waits for nobody. False: it is above the top.
local settle = function(log, key, seq)
  local tag, user = match(key, '^(.-):meta:inbox:(.*)$')
  -- One call for both, so that the feed costs nothing while it is off.
  local meta, feedOn = unpack(call('MGET', key, tag .. ':feed-on'))
  local m = metaOf(key, meta)
  if seq > m.top then return false end
  if seq <= m.settled then return true end
  local before, ownBefore = m.settled, m.settledOwn
  local entry = seq < m.top and redis.call('XRANGE', log, int(seq) .. '-0', int(seq) .. '-0')[1]
  m.settled, m.settledBytes, m.settledOwn = seq, m.bytes, m.own
  if entry then
    local bytes, own = settledWith(entry)
    m.settledBytes, m.settledOwn = bytes, m.own and own
  end
  call('SET', key, packed(m))
  local most = feedMost(feedOn, 'd')
  -- Nobody delivers the user's own messages to it.
  local own = (m.settledOwn or 0) - (ownBefore or 0)
  if most and seq - before > own then
    local time = call('TIME')
    local ms = time[1] * 1000 + math.floor(time[2] / 1000)
    feedEvent(tag, most, '{"kind":"delivered","user":' .. user .. ',"first":' .. int(before + 1) .. ',"last":' .. int(seq) ..
      ',"at":' .. int(ms) .. '}')
  end
  return true
end

-- Whether an epoch is the device's newest, or that of its live session before a login that is only issued.
local counts = function(sessions, device, given)
  local record, epoch, state, prevInstance, prevEpoch =
    unpack(call('HMGET', sessions, device, 'epoch', 'state', 'prevInstance', 'prevEpoch'))
  if record then
    local previous
    epoch, state, previous = match(record, '^(%d+) (%a+) %S+ (%S+)')
    prevEpoch = match(previous, '@(%d+)@')
  elseif device ~= 'cim' and device ~= 'default' then return false
  elseif prevInstance == '' then prevEpoch = false end
  return epoch == given or state == 'issued' and prevEpoch == given
end
local seqOf = function(cursor) return tonumber(match(cursor, '^%d+')) end

for i = 0, #KEYS / ${ACK_KEYS} - 1 do
  local k, a = i * ${ACK_KEYS}, i * ${ACK_ARGS}
  local cursors, name, seq, device = KEYS[k + 2], ARGV[a + 2], tonumber(ARGV[a + 3]), ARGV[a + 6]
  if counts(KEYS[k + 1], device, ARGV[a + 1]) then
    local highest, owner, own = unpack(call('HMGET', cursors, name, name .. ' @', name .. ' ' .. device))
    if owner == device then own = highest end
    if not own or seqOf(own) < seq then
      if ARGV[a + 5] == '0' or settle(KEYS[k + 3], KEYS[k + 4], seq) then
        local cursor = ARGV[a + 3] .. ' ' .. ARGV[a + 4]
        if owner == device then call('HSET', cursors, name, cursor)
        elseif highest and (seqOf(highest) > seq or owner and seqOf(highest) == seq) then
          call('HSET', cursors, name .. ' ' .. device, cursor)
        else
          if owner then call('HSET', cursors, name .. ' ' .. owner, highest) end
          call('HSET', cursors, name, cursor, name .. ' @', device)
          if own then call('HDEL', cursors, name .. ' ' .. device) end
        end
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
