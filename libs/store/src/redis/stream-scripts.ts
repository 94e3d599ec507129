/** Lua of streams. */
import { Script } from './script.ts';

/** Keys and arguments of one item of APPEND. */
export const APPEND_KEYS = 7;
export const APPEND_ARGS = 8;

/**
 * The only commit point: items of one shard, each by itself.
 * KEYS an item: log, meta, producers, older producers, keyed, account, cursors.
 * ARGV first: entries kept, unacked bytes of an inbox, turn of producers (ms). Then an item: stream name if an inbox
 * else '', sender, sender's name, producer, counter, digest, content, how long a keyed send is remembered (ms).
 * Answers a list an item: ok seq prev time | duplicate seq | gap last | conflict | full | unknown | error text | skipped.
 */
export const APPEND = new Script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local maxEntries, maxBytes, turn = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local int = function(n) return string.format('%d', n) end

local append = function(k, a)
  local log, meta, producers, older, keyed = KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], KEYS[k + 4], KEYS[k + 5]
  local inbox, sender, name, producer = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4]
  local counter, digest, content = tonumber(ARGV[a + 5]), ARGV[a + 6], ARGV[a + 7]
  local field = sender .. ':' .. producer

  if counter == 0 then
    local seen = redis.call('GET', keyed)
    if seen then
      local d, s = string.match(seen, '^(%S+) (%d+)$')
      if d == digest then return {'duplicate', s} end
      return {'conflict'}
    end
  else
    local last = redis.call('HGET', producers, field) or redis.call('HGET', older, field)
    local lastCounter = 0
    if last then
      local c, s, d = string.match(last, '^(%d+) (%d+) (%S+)$')
      lastCounter = tonumber(c)
      if counter == lastCounter and d ~= digest then return {'conflict'} end
      if counter <= lastCounter then return {'duplicate', s} end
    end
    if counter > lastCounter + 1 then return {'gap', int(lastCounter)} end
  end

  local m = redis.call('HMGET', meta, 'top', 'topId', 'first', 'bytes', 'ackedBytes', 'turned')
  local top, prev, first = tonumber(m[1] or '0'), m[2] or '', tonumber(m[3] or '1')
  local bytes, ackedBytes, turned = tonumber(m[4] or '0'), tonumber(m[5] or '0'), tonumber(m[6] or '0')
  local acked = top
  if inbox ~= '' then
    if redis.call('EXISTS', KEYS[k + 6]) == 0 then return {'unknown'} end
    local cursor = redis.call('HGET', KEYS[k + 7], inbox)
    acked = cursor and tonumber(string.match(cursor, '^%d+')) or 0
    if top - acked >= maxEntries or bytes - ackedBytes + #content > maxBytes then return {'full'} end
  end

  local seq = top + 1
  local id = field .. ':' .. int(counter)
  bytes = bytes + #content
  -- The first write: Redis refuses a seq that is not new, and then nothing was changed.
  redis.call('XADD', log, int(seq) .. '-0', 's', sender, 'n', name, 'p', producer, 'c', int(counter), 't', int(now),
    'v', prev, 'b', int(bytes), 'd', content)
  if seq - first + 1 > maxEntries then
    local from = math.min(seq - maxEntries + 1, acked + 1)
    if from > first then
      redis.call('XTRIM', log, 'MINID', int(from) .. '-0')
      first = from
    end
  end
  if now - turned >= turn then
    redis.call('UNLINK', older)
    if redis.call('EXISTS', producers) == 1 then redis.call('RENAME', producers, older) end
    turned = now
  end
  redis.call('HSET', meta, 'top', int(seq), 'topId', id, 'first', int(first), 'bytes', int(bytes), 'turned', int(turned))
  if counter == 0 then redis.call('SET', keyed, digest .. ' ' .. int(seq), 'PX', ARGV[a + 8])
  else redis.call('HSET', producers, field, int(counter) .. ' ' .. int(seq) .. ' ' .. digest) end
  return {'ok', int(seq), prev, int(now)}
end

local answers, failed = {}, {}
for i = 0, #KEYS / ${APPEND_KEYS} - 1 do
  local k, a = i * ${APPEND_KEYS}, 3 + i * ${APPEND_ARGS}
  local who = KEYS[k + 1] .. ' ' .. ARGV[a + 2] .. ' ' .. ARGV[a + 4]
  if failed[who] then answers[i + 1] = {'skipped'}
  else
    local done, answer = pcall(append, k, a)
    if done then answers[i + 1] = answer
    else
      failed[who] = true
      answers[i + 1] = {'error', type(answer) == 'table' and answer.err or tostring(answer)}
    end
  end
end
return answers`);

export const ACK_KEYS = 4;
export const ACK_ARGS = 5;

/**
 * Cursors of users of one shard. KEYS an item: session, cursors, and for an inbox its log and meta (else the first
 * two again). ARGV an item: epoch, stream name, seq, id, whether an inbox (1, 0).
 */
export const ACK = new Script(`
for i = 0, #KEYS / ${ACK_KEYS} - 1 do
  local k, a = i * ${ACK_KEYS}, i * ${ACK_ARGS}
  local cursors, name, seq = KEYS[k + 2], ARGV[a + 2], tonumber(ARGV[a + 3])
  if redis.call('HGET', KEYS[k + 1], 'epoch') == ARGV[a + 1] then
    local before = redis.call('HGET', cursors, name)
    if not before or tonumber(string.match(before, '^%d+')) < seq then
      redis.call('HSET', cursors, name, ARGV[a + 3] .. ' ' .. ARGV[a + 4])
      if ARGV[a + 5] == '1' then
        local entry = redis.call('XRANGE', KEYS[k + 3], ARGV[a + 3] .. '-0', ARGV[a + 3] .. '-0')[1]
        if entry then
          for f = 1, #entry[2], 2 do
            if entry[2][f] == 'b' then redis.call('HSET', KEYS[k + 4], 'ackedBytes', entry[2][f + 1]) end
          end
        end
      end
    end
  end
end
return 1`);
