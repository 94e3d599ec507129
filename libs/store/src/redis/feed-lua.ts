/**
 * Lua that adds events to the feed of a shard (`event-feed.ts`), in the script that makes them happen. Each kind of events is one letter
 * in the shard's `feed-on`.
 */
import type { FeedKind } from '../event-feed.ts';

export const LETTERS_OF_KINDS: { readonly [Kind in FeedKind]: string } = {
  messages: 'm',
  deliveries: 'd',
  presence: 'p',
  bans: 'b',
};

/**
 * `feedMost`: how many records the feed keeps, where `feed-on` names the kind; else nothing. `feedEvent` adds an event. An event is a
 * text of JSON that is written by hand, since cjson rounds large numbers.
 */
export const FEED_LUA = `
local feedMost = function(on, kind)
  return on and string.match(on, '^%d+ %a*' .. kind .. '%a* (%d+)$')
end
local feedEvent = function(tag, most, json)
  local id = redis.call('XADD', tag .. ':feed', '1-*', 'e', json)
  if string.sub(id, -2) == '00' then redis.call('XTRIM', tag .. ':feed', 'MAXLEN', '~', most) end
end
local feedPresence = function(tag, most, kind, user, name, at)
  feedEvent(tag, most, '{"kind":"' .. kind .. '","user":' .. user .. ',"name":' .. cjson.encode(name) .. ',"at":' ..
    string.format('%.0f', at) .. '}')
end`;
