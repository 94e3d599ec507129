import { type ProducerId, streamName, streamOfName, type UserId } from '@cim/protocol';
import { HELD, type Held, type HeldMessage, type HeldVerdict, type NewHeld } from '../held.ts';
import type { Commit } from './commit.ts';
import { key } from './keys.ts';
import type { RedisLink } from './link.ts';
import { Script } from './script.ts';

/**
 * One hash: id → "state heldAt sender JSON", with the state `w` (waits) or `a` (allowed). Beside it two sorted sets of ids, those that
 * wait by the time when they were held and those that are allowed by the time of the decision; a hash of how many each sender has; and for each
 * decided message a key that expires.
 */
const BEGIN = `
local call, match = redis.call, string.match
local time = call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local held, waiting, allowed, senders, past = unpack(KEYS)
local id = ARGV[1]
local forget = function(text, set)
  local sender = match(text, '^%a %d+ (%d+)')
  local n = tonumber(call('HGET', senders, sender) or '1') - 1
  if n > 0 then call('HSET', senders, sender, n) else call('HDEL', senders, sender) end
  call('HDEL', held, id)
  call('ZREM', set, id)
  call('SET', past, '', 'PX', ${HELD.pastMs})
end
`;

/** KEYS as above. ARGV id, sender, message as JSON, most, most of the sender. */
const ADD = new Script(`${BEGIN}
local before = call('HGET', held, id)
if before then
  -- A write of its own, for a caller that waits for replicas.
  call('HSET', held, id, before)
  return 'known'
end
if call('EXISTS', past) == 1 then return 'known' end
local sender = ARGV[2]
local n = tonumber(call('HGET', senders, sender) or '0')
if call('ZCARD', waiting) + call('ZCARD', allowed) >= tonumber(ARGV[4]) or n >= tonumber(ARGV[5]) then return 'full' end
call('HSET', held, id, 'w ' .. now .. ' ' .. sender .. ' ' .. ARGV[3])
call('ZADD', waiting, now, id)
call('HSET', senders, sender, n + 1)
return 'ok'`);

/** KEYS as above. ARGV id. */
const KNOWS = new Script(`
local call, held, past = redis.call, KEYS[1], KEYS[5]
local before = call('HGET', held, ARGV[1])
if not before then return call('EXISTS', past) end
-- As above.
call('HSET', held, ARGV[1], before)
return 1`);

/** KEYS as above. ARGV id, verdict. */
const DECIDE = new Script(`${BEGIN}
local text = call('HGET', held, id)
if not text or string.sub(text, 1, 1) ~= 'w' then return false end
if ARGV[2] == 'allow' then
  call('HSET', held, id, 'a' .. string.sub(text, 2))
  call('ZREM', waiting, id)
  call('ZADD', allowed, now, id)
else forget(text, waiting) end
return text`);

/** KEYS as above. ARGV id. */
const SETTLE = new Script(`${BEGIN}
local text = call('HGET', held, id)
if not text or string.sub(text, 1, 1) ~= 'a' then return 0 end
forget(text, allowed)
return 1`);

/** KEYS held, waiting or allowed. ARGV most. */
const LIST = new Script(`
local call = redis.call
local ids = call('ZRANGEBYSCORE', KEYS[2], '-inf', '+inf', 'LIMIT', 0, ARGV[1])
local texts = {}
for i, id in ipairs(ids) do texts[i] = id .. ' ' .. (call('HGET', KEYS[1], id) or '') end
return {call('ZCARD', KEYS[2]), texts}`);

export class RedisHeld implements Held {
  readonly #link: RedisLink;
  readonly #commit: Commit;

  constructor(link: RedisLink, commit: Commit) {
    this.#link = link;
    this.#commit = commit;
  }

  async add(message: NewHeld, most: number): Promise<'ok' | 'known' | 'full'> {
    const { id, sender, to, content, reason } = message;
    const json = JSON.stringify({
      ...{ name: sender.userName, to: streamName(to), reason },
      content: Buffer.from(content).toString('base64'),
    } satisfies Stored);
    const args = [id, sender.userId, json, most, HELD.mostOfSender];
    return (await this.#commit.run(ADD, keysOf(id), args)) as 'ok' | 'known' | 'full';
  }

  async knows(id: ProducerId): Promise<boolean> {
    return (await this.#commit.run(KNOWS, keysOf(id), [id])) === 1;
  }

  async list(limit: number): Promise<{ readonly items: readonly HeldMessage[]; readonly waiting: number }> {
    const [waiting, items] = await this.#list(key.heldWaiting, limit);
    return { items, waiting };
  }

  async decide(id: ProducerId, verdict: HeldVerdict): Promise<HeldMessage | undefined> {
    const text = await this.#commit.run(DECIDE, keysOf(id), [id, verdict]);
    return typeof text === 'string' ? messageOf(id, text) : undefined;
  }

  async allowed(limit: number): Promise<readonly HeldMessage[]> {
    return (await this.#list(key.heldAllowed, limit))[1];
  }

  async settle(id: ProducerId): Promise<boolean> {
    return (await this.#commit.run(SETTLE, keysOf(id), [id])) === 1;
  }

  async #list(set: string, limit: number): Promise<[total: number, items: HeldMessage[]]> {
    const [total, texts] = (await this.#link.ask((redis) => LIST.run(redis, [key.held, set], [limit]))) as [
      number,
      string[],
    ];
    const items = texts.flatMap((line) => {
      const at = line.indexOf(' ');
      return messageOf(line.slice(0, at) as ProducerId, line.slice(at + 1)) ?? [];
    });
    return [total, items];
  }
}

interface Stored {
  readonly name: string;
  readonly to: string;
  readonly reason: string;
  /** Base64. */
  readonly content: string;
}

const keysOf = (id: ProducerId): string[] => [
  key.held,
  key.heldWaiting,
  key.heldAllowed,
  key.heldSenders,
  key.heldPast(id),
];

function messageOf(id: ProducerId, text: string): HeldMessage | undefined {
  const [, at, sender, json] = /^[wa] (\d+) (\d+) (.*)$/s.exec(text) ?? [];
  if (json === undefined) return undefined;
  const { name, to, reason, content } = JSON.parse(json) as Stored;
  return {
    ...{ id, reason, heldAt: Number(at) },
    sender: { userId: Number(sender) as UserId, userName: name },
    to: streamOfName(to),
    content: Buffer.from(content, 'base64'),
  };
}
