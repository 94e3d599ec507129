/**
 * Lua of groups, a part of the append script: the members of a group change in the step that appends the entry which
 * says so.
 *
 * | key | kind | holds |
 * | --- | --- | --- |
 * | `grp:<group>` | hash | name, category, join, owner, version, createdAt; `gone` after it was disbanded, so that its id stays taken |
 * | `members:<group>` | sorted set by user id | "user role muted joined joinedN name"; role is o, a or m |
 * | `fol:<group>` | hash | instance → until when it follows [ms] |
 * | `pending` of each shard | hash | "group seq" → users whose own side does not follow that change yet |
 * | `ended` of each shard | hash | "group seq" of a leave or a removal → entry that had made the user a member; removed with the note in `pending` |
 */
import { GROUP_LIMITS, type Member, type Role } from '../groups.ts';
import type { NamedUser, Seq, UserId } from '@cim/protocol';

const MEMBERS = `
local memberIn = function(members, user)
  local text = call('ZRANGEBYSCORE', members, user, user)[1]
  if not text then return end
  local role, muted = match(text, '^%d+ (%a) (%d)')
  return {text = text, role = role, muted = muted == '1'}
end`;

/** Part of the append script. A stream of a group with members has the fields `group`, its id, and `tag`. */
export const GROUPS = `${MEMBERS}
local openGroup = function(m)
  m.grp, m.members, m.pending = m.tag .. ':grp:' .. m.group, m.tag .. ':members:' .. m.group, m.tag .. ':pending'
end

-- Which im-servers follow a group, as an answer has it; '' for the lobby and inboxes.
local followersOf = function(m)
  if not m.group then return '' end
  if not m.followers then
    local rows, live = call('HGETALL', m.tag .. ':fol:' .. m.group), {}
    for i = 1, #rows, 2 do
      if tonumber(rows[i + 1]) > now then live[#live + 1] = rows[i] end
    end
    m.followers = '\\t' .. table.concat(live, ' ')
  end
  return m.followers
end

-- Why the sender may not write to a group; nothing when it may.
local mayNotWrite = function(m, sender)
  m.asked = m.asked or {}
  local problem = m.asked[sender]
  if problem == nil then
    local member = memberIn(m.members, sender)
    if member then problem = member.muted and 'muted' or false
    else
      local join, gone = unpack(call('HMGET', m.grp, 'join', 'gone'))
      problem = join and not gone and 'not-member' or 'no-group'
    end
    m.asked[sender] = problem
  end
  return problem
end

local setMember = function(m, user, role, muted, rest)
  call('ZREMRANGEBYSCORE', m.members, user, user)
  call('ZADD', m.members, user, user .. ' ' .. role .. ' ' .. (muted and '1 ' or '0 ') .. rest)
end
local changeMember = function(m, user, member, role, muted)
  setMember(m, user, role, muted, match(member.text, '^%d+ %a %d (.*)$'))
end
local changesNothing = function() end
-- Answers the user, and the entry of its join.
local removeMember = function(m, user, member)
  call('ZREMRANGEBYSCORE', m.members, user, user)
  return {user}, match(member.text, '^%d+ %a %d (%d+)')
end

-- Answers why the sender may not do it; or nothing, and a function that does it with the seq and the n of its entry.
-- That function answers the users whose own side is to follow, or nothing when nothing has changed; and, when a membership
-- has ended, the entry of the join.
local operate = function(m, sender, name, op)
  local kind = op.kind
  local join, gone = unpack(call('HMGET', m.grp, 'join', 'gone'))
  if kind == 'create' then
    if join then return 'taken' end
    return nil, function(seq, n)
      call('HSET', m.grp, 'name', op.name, 'category', op.category, 'join', op.join, 'owner', sender, 'createdAt', nowText)
      local users = {sender}
      setMember(m, sender, 'o', false, seq .. ' ' .. n .. ' ' .. name)
      for _, user in ipairs(op.users) do
        local id = int(user.userId)
        if not memberIn(m.members, id) then
          setMember(m, id, 'm', false, seq .. ' ' .. n .. ' ' .. user.userName)
          users[#users + 1] = id
        end
      end
      return users
    end
  end
  if not join or gone then return 'no-group' end
  local actor = memberIn(m.members, sender)
  local enter = function(users)
    if call('ZCARD', m.members) + #users > ${GROUP_LIMITS.members} then return 'full' end
    return nil, function(seq, n)
      local ids = {}
      for i, user in ipairs(users) do
        ids[i] = user[1]
        setMember(m, user[1], 'm', false, seq .. ' ' .. n .. ' ' .. user[2])
      end
      return ids
    end
  end
  if kind == 'join' then
    if actor then return nil, changesNothing end
    if join ~= 'open' then return 'not-allowed' end
    return enter({{sender, name}})
  end
  if not actor then return 'not-member' end
  local owner = actor.role == 'o'
  if kind == 'leave' then
    if owner then return 'owner-stays' end
    return nil, function() return removeMember(m, sender, actor) end
  end
  if actor.role == 'm' then return 'not-allowed' end
  if kind == 'change' then
    return nil, function()
      for _, field in ipairs({'name', 'category', 'join'}) do
        if op[field] then call('HSET', m.grp, field, op[field]) end
      end
      return {}
    end
  elseif kind == 'add' then
    local users, seen = {}, {}
    for _, user in ipairs(op.users) do
      local id = int(user.userId)
      if not seen[id] and not memberIn(m.members, id) then users[#users + 1] = {id, user.userName} end
      seen[id] = true
    end
    if #users == 0 then return nil, changesNothing end
    return enter(users)
  elseif kind == 'disband' then
    if not owner then return 'not-allowed' end
    return nil, function()
      call('HSET', m.grp, 'gone', nowText)
      call('UNLINK', m.members)
      m.gone = true
      return {}
    end
  end
  -- All else is about one member.
  if not owner and (kind == 'role' or kind == 'transfer') then return 'not-allowed' end
  local user = int(op.user)
  local member = memberIn(m.members, user)
  if not member then return 'no-such-member' end
  if kind == 'transfer' then
    if user == sender then return nil, changesNothing end
    return nil, function()
      changeMember(m, user, member, 'o', false)
      changeMember(m, sender, actor, 'a', false)
      call('HSET', m.grp, 'owner', user)
      return {}
    end
  end
  if user == sender and owner then return kind == 'remove' and 'owner-stays' or 'not-allowed' end
  -- An admin has no say over the owner and the other admins.
  if not owner and member.role ~= 'm' then return 'not-allowed' end
  return nil, function()
    if kind == 'remove' then return removeMember(m, user, member)
    elseif kind == 'role' then changeMember(m, user, member, op.role == 'admin' and 'a' or 'm', member.muted)
    else changeMember(m, user, member, member.role, op.muted) end
    return {}
  end
end

-- Does what \`operate\` has answered. The users' own sides lie in other shards: a note says whose are to follow.
local applyTo = function(m, apply, seq, n)
  local users, joined = apply(seq, n)
  if not users then return end
  m.asked = nil
  call('HSET', m.grp, 'version', seq)
  if joined then call('HSET', m.tag .. ':ended', m.group .. ' ' .. seq, joined) end
  if #users > 0 then call('HSET', m.pending, m.group .. ' ' .. seq, table.concat(users, ' ')) end
end`;

/** Part of the scripts in `groups.ts`. */
export const MEMBER_OF = `local call, match = redis.call, string.match${MEMBERS}`;

const ROLES: { readonly [letter: string]: Role } = { o: 'owner', a: 'admin', m: 'member' };

/** Parses a member as its group stores it. */
export function parseMember(text: string): Member {
  const [userId, role = '', muted, joined, joinedN] = text.split(' ', 5);
  let name = 0;
  for (let i = 0; i < 5; i++) name = text.indexOf(' ', name) + 1;
  const user: NamedUser = { userId: Number(userId) as UserId, userName: text.slice(name) };
  return {
    ...user,
    role: ROLES[role] ?? 'member',
    muted: muted === '1',
    joined: Number(joined) as Seq,
    joinedN: Number(joinedN),
  };
}
