/** The Lua script of the append, which is the only commit point. */
import type { StreamLimits } from '../streams.ts';
import { Script } from './script.ts';
import { GROUPS } from './group-lua.ts';
import { META } from './stream-scripts.ts';

/** The argument of an append begins with the number of streams, then has this many texts for each stream. */
export const STREAM_FIELDS = 2;
export const ITEM_FIELDS = 9;

/** A call to append may be carried out this late [ms]. Meanwhile its sender may have asked again elsewhere. */
export const LATE_MS = 60_000;

/** Entries that are searched for the numbers of a stream whose meta the version before has written. */
const RESTORE_ENTRIES = 64;

/**
 * The only commit point: items, each by itself, in their order. KEYS: a log, which tells where the call belongs; on a
 * Cluster all keys lie in its shard. ARGV: one packed array of texts. First how many streams; then of each its shard
 * and its name, which its keys are made of; then of each item: which stream, sender, sender's name, producer, counter
 * (0: a keyed send; below zero: it may have been sent before), digest, with what a keyed send is remembered for
 * after a space, content, which stream gets a copy ('': none), and more as JSON or '' (`moreOf` in `append-batch.ts`).
 * In place of the stream for a copy, an item that is itself a copy by itself has its mode (`CopyMode`).
 * Answers lines: the time, then of each item ok seq n copy's-seq copy's-n prev TAB copy's-prev | duplicate seq |
 * older seq last | gap last | conflict | refused problem | blocked | full | share | unknown | unknown-producer | ended | failed reason | skipped. Without a
 * copy its seq is 0. Older: the counter is below the last one, which is at seq. The first three have the followers of a group
 * with members behind a TAB.
 * Within an item XADD is the first write, since Redis refuses a seq that is not new. A stream's meta is written, and its
 * log trimmed, once, after all items. With `touches` it is written too where the answer says that something is stored
 * already: who waits for the replicas waits for a write of its own.
 * Every `redis.call` costs as much as all else about an item: metas are read by one and written by one, and an item
 * that is of the producer of the top needs one of its own, and one for its copy, or one for the member of its group.
 * One to an inbox where much waits needs two more: see `mayHold`. One is needed for the feed of events where it is on, which
 * the shard says itself, so that no two servers can disagree.
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
local share = ${limits.inboxShare}
local streams, metaKeys, streamCount = {}, {}, tonumber(all[1])
for s = 1, streamCount do
  local at = s * ${STREAM_FIELDS}
  metaKeys[s] = all[at] .. ':meta:' .. all[at + 1]
  metaKeys[streamCount + s] = all[at] .. ':blocks:' .. all[at + 1]
  metaKeys[2 * streamCount + s] = all[at] .. ':feed-on'
end
local metas = call('MGET', unpack(metaKeys))
local COPY_MODES = {new = true, again = true, behind = true}
${GROUPS}

-- The numbers that the version before has not written, or has dropped from the meta.
local restore = function(m)
  m.shown, m.shownSeq, m.shownAt, m.firstEvent, m.own, m.settledOwn = 0, 0, 0, 0, 0, 0
  local entries = call('XRANGE', m.log, int(max(m.first, m.top - ${RESTORE_ENTRIES - 1})) .. '-0', '+')
  for i = #entries, 1, -1 do
    local n, own = match(headOf(entries[i]), '^%d+ %d+ %d+ %d+/(%d+)/?(%d*)')
    if n then
      -- The version before knows only entries that count as unread.
      m.shown, m.own = tonumber(n) + #entries - i, tonumber(own) or 0
      m.shownSeq, m.shownAt, m.settledOwn = m.top, storedAtOf(entries[#entries]), m.own
      break
    end
  end
  local event = call('XRANGE', m.events, '-', '+', 'COUNT', 1)[1]
  if event then m.firstEvent = tonumber(match(event[1], '^%d+')) end
end

-- Opened within an item: one that is damaged is a failure of its own items alone.
local streamAt = function(s)
  local at = s * ${STREAM_FIELDS}
  local tag, name = all[at], all[at + 1]
  local m = metaOf(metaKeys[s], metas[s])
  m.tag, m.name, m.log, m.producers = tag, name, tag .. ':log:' .. name, tag .. ':prod:' .. name
  m.events = tag .. ':evt:' .. name
  m.blocks = metas[streamCount + s]
  local feedOn = metas[2 * streamCount + s]
  if feedOn then m.feedMost = match(feedOn, '^%d+ %a*m%a* (%d+)$') end
  m.user, m.group = match(name, '^inbox:(.*)$'), match(name, '^group:(%d+)$')
  if m.group then openGroup(m) end
  if not m.shown then restore(m) end
  streams[s] = m
  return m
end
local touch = function(m) ${touches ? 'm.changed = true' : ''} end
local olderOf = function(m) return m.tag .. ':prod-older:' .. m.name end
local keyOf = function(m, field) return m.tag .. ':key:' .. m.name .. ':' .. field end

-- What has become too old: the log begins without it, and it is settled.
local age = function(m)
  if m.first > m.top then return end
  local limit = (not m.user or m.first <= m.settled) and kept or unackedKept
  if m.firstAt + limit > now then return end
  for _, entry in ipairs(call('XRANGE', m.log, int(m.first) .. '-0', '+', 'COUNT', step)) do
    local seq = tonumber(match(entry[1], '^%d+'))
    m.firstAt = storedAtOf(entry)
    limit = (not m.user or seq <= m.settled) and kept or unackedKept
    if m.firstAt + limit > now then break end
    m.first, m.trim = seq + 1, true
    if seq > m.settled then
      m.settled = seq
      m.settledBytes, m.settledOwn = settledWith(entry)
    end
  end
end

-- Counter, seq and digest of the last counted send of a producer, and whether nothing follows it any more (a "!" before
-- the digest); nothing when there is no record of it.
local lastOf = function(m, field)
  if m.digest ~= '' and m.topField == field then return m.topCounter, m.top, m.digest, false end
  local last = call('HGET', m.producers, field) or call('HGET', olderOf(m), field)
  if not last then return end
  local counter, seq, ended, digest = match(last, '^(%d+) (%d+) (!?)(%S+)$')
  return tonumber(counter), seq, digest, ended == '!'
end
-- Says that a first send of a producer is stored no more.
local endedKeyOf = function(m, field) return keyOf(m, field) .. ':1' end
-- A send that may have been sent before is not stored: it may still be under way on another connection, and those behind
-- it too, while their sender goes on under another producer. So none of them is stored after this answer.
local endProducer = function(m, field)
  local counter, seq, digest, ended = lastOf(m, field)
  -- Whoever was never stored must not fill the hash of all producers.
  if not counter then call('SET', endedKeyOf(m, field), '', 'PX', ${LATE_MS})
  elseif not ended then
    call('HSET', m.producers, field, int(counter) .. ' ' .. int(seq) .. ' !' .. digest)
    if m.topField == field then m.digest, m.changed = '', true end
  end
end

-- Adds item a to the end of a stream. Without a digest nothing is put on record of its producer. Answers its seq, its n, and the
-- id of the entry before it.
local write = function(m, a, producer, counter, kind, about, digest)
  local sender, content = all[a + 1], all[a + 6]
  local field, seq = sender .. ':' .. producer, m.top + 1
  local prev, seqText = m.topField == '' and '' or m.topField .. ':' .. int(m.topCounter), int(seq)
  local bytes, own, shown = m.bytes, m.own, m.shown
  if kind == 'copy' then own = own + 1 else bytes = bytes + #content end
  if kind == 'shown' then shown = shown + 1 end
  if not m.user then m.settled, m.settledBytes = m.top, m.bytes end
  local n = int(shown)
  local head = sender .. ' ' .. counter .. ' ' .. nowText .. ' ' .. int(bytes) .. '/' .. n ..
    (own > 0 and '/' .. int(own) or '') .. ' ' .. producer .. ' ' .. (prev == '' and '-' or prev) .. ' ' .. all[a + 2]
  call('XADD', m.log, seqText .. '-0', 'h', head, 'd', content)
  if about then
    call('XADD', m.events, seqText .. '-0', 'm', about)
    if m.firstEvent == 0 then m.firstEvent = seq end
  end
  if kind == 'copy' and m.settled == m.top then m.settled, m.settledBytes, m.settledOwn = seq, bytes, own end
  local first = max(m.first, min(seq - maxEntries + 1, m.settled + 1))
  if first > m.first then m.first, m.trim = first, true end
  if m.first == seq then m.firstAt = now end
  if m.digest ~= '' and (counter == '0' or m.topField ~= field) then
    call('HSET', m.producers, m.topField, int(m.topCounter) .. ' ' .. int(m.top) .. ' ' .. m.digest)
  end
  -- By position, not by the clock: what was last heard of in this window of entries, or the one before, is remembered.
  if seq % window == 0 then
    call('UNLINK', olderOf(m))
    if call('EXISTS', m.producers) == 1 then call('RENAME', m.producers, olderOf(m)) end
    if seq >= 2 * window then m.forgot = 1 end
  end
  if counter == '0' and digest ~= '' then
    local of, remember = match(digest, '^(%S+) (%d+)$')
    call('SET', keyOf(m, field), of .. ' ' .. seqText, 'PX', remember)
    digest = ''
  end
  m.top, m.bytes, m.own, m.topField, m.topCounter, m.digest = seq, bytes, own, field, tonumber(counter), digest
  if kind == 'shown' then m.shown, m.shownSeq, m.shownAt = shown, seq, now end
  m.changed = true
  -- Ids of the feed count from 1, so that a reader sees what it has missed.
  if m.feedMost and kind ~= 'copy' then
    local id = call('XADD', m.tag .. ':feed', '1-*', 'h', seqText .. ' ' .. m.name .. ' ' .. head, 'd', content)
    -- A bound in XADD costs more than all else of it.
    if string.sub(id, -2) == '00' then call('XTRIM', m.tag .. ':feed', 'MAXLEN', '~', m.feedMost) end
  end
  return seqText, n, prev
end

-- Adds the sender's copy to its own inbox. It is left out where that keeps too much.
local copy = function(m, a, producer, counter, about, digest)
  age(m)
  -- What is acked since the last entry goes when the copy comes.
  local first = max(m.first, min(m.top - maxEntries + 2, m.settled + 1))
  if m.top - first + 1 >= 2 * maxEntries then return '0', '0', '' end
  return write(m, a, producer, counter, 'copy', about, digest)
end

-- Adds a copy whose message lies in another shard: each once, and in the order of their counters. Gap -1: which were made
-- is not on record.
local copyAlone = function(m, a, mode, about)
  local producer, counter = all[a + 3], all[a + 4]
  if string.sub(counter, 1, 1) == '-' then counter = string.sub(counter, 2) end
  local field, last = all[a + 1] .. ':' .. producer
  if counter == '0' then
    local seen = call('GET', keyOf(m, field))
    if seen then
      touch(m)
      return 'duplicate ' .. match(seen, '%d+$')
    end
  else
    last = lastOf(m, field)
    if last and tonumber(counter) <= last then
      touch(m)
      return 'duplicate 0'
    end
  end
  if mode ~= 'behind' then
    if last and tonumber(counter) > last + 1 then return 'gap ' .. int(last) end
    if not last and (mode == 'again' or tonumber(counter) > 1) then return 'gap -1' end
  end
  local seq, n, prev = copy(m, a, producer, counter, about, all[a + 5])
  if seq ~= '0' then return 'ok ' .. seq .. ' ' .. n .. ' 0 0 ' .. prev .. '\\t' end
  -- Left out, and so it stays: the next one does not miss it.
  if counter ~= '0' then
    call('HSET', m.producers, field, counter .. ' ' .. int(m.top) .. ' -')
    if m.topField == field then m.digest = '' end
    m.changed = true
  end
  return 'full'
end

-- What each sender holds of an inbox where much waits: a hash, sender → seqs of its newest entries (float64 each, as many
-- as it may hold), and upto, how many entries were received when it was written last. An inbox where less than half of one
-- share waits is not looked at. The hash is begun when a whole share waits, and goes on until half of one waits.
local heldOf = function(m) return m.tag .. ':held:' .. m.name end
local beginHeld = function(m, received)
  local key, bySender = heldOf(m), {}
  -- All of them, or of very many the newest.
  local copies = min(m.own - m.settledOwn, 2 * share)
  local from = max(m.first, m.settled + 1, m.top - 2 * share - copies + 1)
  for _, entry in ipairs(call('XRANGE', m.log, int(from) .. '-0', '+')) do
    local of = match(headOf(entry), '^%d+')
    -- The user's own: copies, and what it says to itself.
    if of ~= m.user then
      bySender[of] = bySender[of] or {}
      table.insert(bySender[of], struct.pack('>d', tonumber(match(entry[1], '^%d+'))))
    end
  end
  call('UNLINK', key)
  local fields = {'upto', received}
  for of, seqs in pairs(bySender) do
    fields[#fields + 1] = of
    fields[#fields + 1] = table.concat(seqs, '', max(1, #seqs - share + 1))
  end
  call('HSET', key, unpack(fields))
  call('PEXPIRE', key, unackedKept)
end
-- Whether one more entry of a sender may wait. Then also what is to be written to the hash once it does.
local mayHold = function(m, sender, waiting)
  if waiting * 2 < share then return true end
  local received = int(m.top - m.own)
  local upto, seqs = unpack(call('HMGET', heldOf(m), 'upto', sender))
  if upto ~= received then
    if waiting < share then return true end
    beginHeld(m, received)
    seqs = call('HGET', heldOf(m), sender)
  end
  seqs = seqs or ''
  if sender == m.user then return true, '' end
  if #seqs >= share * 8 and struct.unpack('>d', seqs) > m.settled then return false end
  return true, string.sub(seqs, max(1, #seqs - (share - 1) * 8 + 1))
end

local append = function(s, a)
  local m = streams[s] or streamAt(s)
  local sender, producer, counter, digest, content = all[a + 1], all[a + 3], all[a + 4], all[a + 5], all[a + 6]
  local more = all[a + 8] ~= '' and cjson.decode(all[a + 8]) or nil
  if COPY_MODES[all[a + 7]] then return copyAlone(m, a, all[a + 7], more and more.about) end
  local field, again = sender .. ':' .. producer, false
  local refuse = function(answer)
    if again then endProducer(m, field) end
    return answer
  end

  if counter == '0' then
    local seen = call('GET', keyOf(m, field))
    if seen == '!' then return 'ended' end
    if seen then
      local d, seq = match(seen, '^(%S+) (%d+)$')
      if d ~= match(digest, '^%S+') then return 'conflict' end
      touch(m)
      return 'duplicate ' .. seq .. followersOf(m)
    end
  else
    again = string.sub(counter, 1, 1) == '-'
    if again then counter = string.sub(counter, 2) end
    local n, lastCounter, lastSeq, lastDigest, ended = tonumber(counter), lastOf(m, field)
    if not lastCounter then
      if n > 1 then return 'unknown-producer' end
      if again and m.forgot ~= 0 then
        endProducer(m, field)
        return 'unknown-producer'
      end
      if call('EXISTS', endedKeyOf(m, field)) == 1 then return 'unknown-producer' end
    elseif ended and n > lastCounter then return 'unknown-producer'
    elseif n ~= lastCounter + 1 then
      if n == lastCounter and lastDigest ~= digest then return 'conflict' end
      touch(m)
      if n == lastCounter then return 'duplicate ' .. int(lastSeq) .. followersOf(m) end
      if n < lastCounter then return 'older ' .. int(lastSeq) .. ' ' .. int(lastCounter) .. followersOf(m) end
      return 'gap ' .. int(lastCounter)
    end
  end

  if more and more.endsProducer then
    if counter == '0' then call('SET', keyOf(m, field), '!', 'PX', match(digest, '%d+$'))
    else endProducer(m, field) end
    return 'ended'
  end

  local problem, apply
  if m.group then
    if more and more.operation then problem, apply = operate(m, sender, all[a + 2], more.operation)
    else problem = mayNotWrite(m, sender) end
    if problem then return refuse('refused ' .. problem) end
  end
  -- Accounts stay: one that has had a message needs no second look.
  if m.user and m.top == 0 and call('EXISTS', m.tag .. ':acct:' .. m.user) == 0 then return 'unknown' end
  if m.blocks and string.find(m.blocks, ' ' .. sender .. ' ', 1, true) then return refuse('blocked') end
  age(m)
  local held
  if m.user then
    local waiting = m.top - m.settled - (m.own - m.settledOwn)
    if waiting >= maxEntries or m.bytes + #content - m.settledBytes > maxBytes then return refuse('full') end
    local may
    may, held = mayHold(m, sender, waiting)
    -- The sender may be asked to send it again.
    if not may then return 'share' end
  end

  local about = more and more.about
  local seq, n, prev = write(m, a, producer, counter, more and more.silent and 'silent' or 'shown', about, digest)
  if held then
    local upto = int(m.top - m.own)
    if sender == m.user then call('HSET', heldOf(m), 'upto', upto)
    else call('HSET', heldOf(m), 'upto', upto, sender, held .. struct.pack('>d', m.top)) end
  end
  if apply then applyTo(m, apply, seq, n) end
  local copySeq, copyN, copyPrev = '0', '0', ''
  if all[a + 7] ~= '' then
    local c = tonumber(all[a + 7])
    copySeq, copyN, copyPrev = copy(streams[c] or streamAt(c), a, producer .. '>' .. m.user, counter, about, '')
  end
  return 'ok ' .. seq .. ' ' .. n .. ' ' .. copySeq .. ' ' .. copyN .. ' ' .. prev .. '\\t' .. copyPrev .. followersOf(m)
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
local written, leaving = {}, {}
for _, m in pairs(streams) do
  if m.changed then
    if m.trim then call('XTRIM', m.log, 'MINID', int(m.first) .. '-0') end
    if m.trim and m.firstEvent > 0 and m.first > m.firstEvent then
      call('XTRIM', m.events, 'MINID', int(m.first) .. '-0')
      local event = call('XRANGE', m.events, '-', '+', 'COUNT', 1)[1]
      m.firstEvent = event and tonumber(match(event[1], '^%d+')) or 0
    end
    if m.gone then
      for _, key in ipairs({m.key, m.log, m.events, m.producers, olderOf(m), m.tag .. ':fol:' .. m.group}) do
        leaving[#leaving + 1] = key
      end
    end
    written[#written + 1] = m.key
    written[#written + 1] = packed(m)
  end
end
if #written > 0 then call('MSET', unpack(written)) end
-- Of a group that was disbanded: its members may still have to be told.
for _, key in ipairs(leaving) do call('PEXPIRE', key, kept) end
return table.concat(answers, '\\n')`);
