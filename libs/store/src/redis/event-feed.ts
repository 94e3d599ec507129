/**
 * The feed of events, of each shard in the shard itself, so that one script writes both a log and the feed:
 *
 * | key | kind | holds |
 * | --- | --- | --- |
 * | `feed` | stream | records, `1-<position less 1>`. Of an entry: h "seq stream" and behind a space what the log has as h; d as the log has it. Of another event: e, its JSON |
 * | `feed-on` | text | "revision kinds most": kinds are letters (`feed-lua.ts`) |
 * | `feed-relay` | hash | `lease` "relay until", `c:<receiver>` its cursor, `look` changed with each change of letters by others |
 * | `letters` | hash | name → text |
 */
import { randomText } from '@cim/runtime';
import { CimError, type InstanceId, streamName, streamOfName } from '@cim/protocol';
import {
  type EventFeed,
  FEED,
  type FeedEvent,
  type FeedPartition,
  type FeedProgress,
  type FeedRecord,
  type FeedWish,
  type PartitionState,
} from '../event-feed.ts';
import type { Commit } from './commit.ts';
import { LETTERS_OF_KINDS } from './feed-lua.ts';
import { key, SHARD_TAGS } from './keys.ts';
import type { RedisLink } from './link.ts';
import { Script } from './script.ts';
import { SWEEP } from './session-scripts.ts';
import { entryOf, type Row } from './streams.ts';

/** Most shards of one call on a server that holds all shards. A script holds up all other clients of Redis. */
const CALL_SHARDS = 64;
/** The oldest version of Redis that completes an id such as `1-*`. */
const REDIS_VERSION = 7;

const BEGIN = `
local call, match = redis.call, string.match
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local int = function(n) return string.format('%.0f', n) end
`;

/** KEYS switch of each shard. ARGV revision, kinds, most or ''. */
const RECORD = new Script(`
for _, key in ipairs(KEYS) do
  local revision, kinds, most = string.match(redis.call('GET', key) or '0 - ${FEED.most}', '^(%d+) (%S+) (%d+)$')
  if tonumber(ARGV[1]) >= tonumber(revision) then
    -- What is known of users who were online before is out of date.
    if string.find(ARGV[2], 'p') and not string.find(kinds, 'p') then
      local tag = string.match(key, '^(.-):feed%-on$')
      redis.call('UNLINK', tag .. ':present', tag .. ':present-at')
    end
    redis.call('SET', key, ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. (ARGV[3] == '' and most or ARGV[3]))
  end
end
return 1`);

/** KEYS relays. ARGV relay, how long it lives (ms). */
const ANNOUNCE = new Script(`${BEGIN}
call('ZREMRANGEBYSCORE', KEYS[1], '-inf', int(now))
call('ZADD', KEYS[1], int(now + ARGV[2]), ARGV[1])
return call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf')`);

/**
 * KEYS state and letters of each shard. ARGV relay, how long (ms). Answers of each all fields of both, or nothing. A lease that
 * would last longer than one can has lapsed: the clock has gone back.
 */
const TAKE = new Script(`${BEGIN}
local answers = {}
for i = 1, #KEYS, 2 do
  local relay, till = match(call('HGET', KEYS[i], 'lease') or '', '^(%S+) (%d+)$')
  till = tonumber(till) or 0
  if relay and relay ~= ARGV[1] and till > now and till <= now + 2 * ARGV[2] then answers[#answers + 1] = {}
  else
    call('HSET', KEYS[i], 'lease', ARGV[1] .. ' ' .. int(now + ARGV[2]))
    answers[#answers + 1] = {call('HGETALL', KEYS[i]), call('HGETALL', KEYS[i + 1])}
  end
end
return answers`);

/** KEYS state of each shard. ARGV relay, how long (ms), 0 to give it up. Answers of each the look behind "=", or ''. */
const RENEW = new Script(`${BEGIN}
local answers = {}
for i, key in ipairs(KEYS) do
  local lease, look = unpack(call('HMGET', key, 'lease', 'look'))
  answers[i] = ''
  if lease and match(lease, '^%S+') == ARGV[1] then
    if ARGV[2] == '0' then call('HDEL', key, 'lease')
    else call('HSET', key, 'lease', ARGV[1] .. ' ' .. int(now + ARGV[2])) end
    answers[i] = '=' .. (look or '')
  end
end
return answers`);

/** KEYS feed, state. ARGV first id, limit. It writes, so that whoever then waits for the replicas waits for what it has read. */
const READ = new Script(
  `
local rows = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
local lease = #rows > 0 and redis.call('HGET', KEYS[2], 'lease')
if lease then redis.call('HSET', KEYS[2], 'lease', lease) end
return rows`,
  'bytes',
);

/**
 * KEYS state, letters, feed. ARGV relay, up to where the feed is trimmed or '', id of the record that is checked or '', how it begins; how many
 * cursors, then name and value of each ('': gone), then of letters.
 */
const COMMIT = new Script(`
if string.match(redis.call('HGET', KEYS[1], 'lease') or '', '^%S+') ~= ARGV[1] then return 0 end
if ARGV[3] ~= '' then
  local row = redis.call('XRANGE', KEYS[3], ARGV[3], '+', 'COUNT', 1)[1]
  if not row or row[1] == ARGV[3] and string.sub(row[2][2], 1, #ARGV[4]) ~= ARGV[4] then return 0 end
end
local cursors = 2 * tonumber(ARGV[5])
for i = 6, #ARGV, 2 do
  local isCursor = i < 6 + cursors
  local key, field = isCursor and KEYS[1] or KEYS[2], isCursor and 'c:' .. ARGV[i] or ARGV[i]
  if ARGV[i + 1] == '' then redis.call('HDEL', key, field) else redis.call('HSET', key, field, ARGV[i + 1]) end
end
if ARGV[2] ~= '' then redis.call('XTRIM', KEYS[3], 'MINID', '1-' .. ARGV[2]) end
return 1`);

/** KEYS state, letters. ARGV name, text before, new text or '' for none, new value of `look`. */
const CHANGE_LETTER = new Script(`
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[2], ARGV[1]) else redis.call('HSET', KEYS[2], ARGV[1], ARGV[3]) end
redis.call('HSET', KEYS[1], 'look', ARGV[4])
return 1`);

export class RedisEventFeed implements EventFeed {
  readonly partitions = SHARD_TAGS as readonly FeedPartition[];
  readonly #link: RedisLink;
  readonly #commit: Commit;

  constructor(link: RedisLink, commit: Commit) {
    this.#link = link;
    this.#commit = commit;
  }

  async record({ revision, kinds, most }: FeedWish): Promise<void> {
    await this.#assertVersion();
    const letters = kinds.map((kind) => LETTERS_OF_KINDS[kind]).join('') || '-';
    await this.#each(RECORD, this.partitions, (shard) => [key.feedOn(shard)], [
      revision,
      letters,
      most ?? '',
    ]);
  }

  async announce(relay: string, aliveMs: number): Promise<readonly string[]> {
    return (await this.#link.ask((redis) => ANNOUNCE.run(redis, [key.relays], [relay, aliveMs]))) as string[];
  }

  async withdraw(relay: string): Promise<void> {
    await this.#link.ask((redis) => redis.zrem(key.relays, relay));
  }

  async take(
    partitions: readonly FeedPartition[],
    relay: string,
    leaseMs: number,
  ): Promise<(PartitionState | undefined)[]> {
    const keysOf = (shard: string) => [key.feedRelay(shard), key.letters(shard)];
    const answers = await this.#each(TAKE, partitions, keysOf, [relay, leaseMs]);
    return (answers as [] | [string[], string[]][]).map((answer) => {
      const [state, letters] = answer as [string[]?, string[]?];
      if (state === undefined) return undefined;
      const fields = pairs(state);
      const cursors = [...fields].flatMap(([name, value]) =>
        name.startsWith('c:') ? [[name.slice(2), Number(value)] as const] : [],
      );
      return { cursors: new Map(cursors), letters: pairs(letters ?? []), look: fields.get('look') ?? '' };
    });
  }

  renew(
    partitions: readonly FeedPartition[],
    relay: string,
    leaseMs: number,
  ): Promise<(string | undefined)[]> {
    return this.#renew(partitions, relay, leaseMs);
  }

  async release(partitions: readonly FeedPartition[], relay: string): Promise<void> {
    await this.#renew(partitions, relay, 0);
  }

  async read(
    asks: readonly { readonly partition: FeedPartition; readonly after: number }[],
    limit: number,
  ): Promise<FeedRecord[][]> {
    if (asks.length === 0) return [];
    const rows = await this.#link.ask((redis) =>
      Promise.all(
        asks.map(({ partition, after }) =>
          redis.xrangeBuffer(key.feed(partition), idAfter(after), '+', 'COUNT', limit),
        ),
      ),
    );
    // Most shards have no records, and need no second question.
    return Promise.all(
      asks.map(async ({ partition, after }, i) => {
        const found = rows[i] ?? [];
        const kept =
          found.length > 0 && this.#commit.waits
            ? ((await this.#commit.run(
                READ,
                [key.feed(partition), key.feedRelay(partition)],
                [idAfter(after), limit],
              )) as Row[])
            : found;
        return kept.map(recordOf);
      }),
    );
  }

  async sweepPresence(partitions: readonly FeedPartition[]): Promise<void> {
    const places = await this.#link.ask((redis) =>
      Promise.all(partitions.map((partition) => redis.hkeys(key.presentAt(partition)))),
    );
    const dead = new Set<string>();
    await Promise.all(
      [...new Set(places.flat())].map(async (instance) => {
        const lease = key.lease(instance as InstanceId);
        if ((await this.#link.ask((redis) => redis.exists(lease))) === 0) dead.add(instance);
      }),
    );
    await Promise.all(
      partitions.flatMap((partition, i) =>
        (places[i] ?? [])
          .filter((instance) => dead.has(instance))
          .map((instance) => this.#commit.run(SWEEP, [key.feedOn(partition)], [instance])),
      ),
    );
  }

  async commit(partition: FeedPartition, relay: string, progress: FeedProgress): Promise<boolean> {
    const {
      cursors = new Map<string, number>(),
      letters = new Map<string, string>(),
      trimTo,
      check,
    } = progress;
    const keys = [key.feedRelay(partition), key.letters(partition), key.feed(partition)];
    const changes = [...cursors, ...letters].flatMap(([name, value]) => [name, value ?? '']);
    const checked = check === undefined ? ['', ''] : [idAfter(check.position - 1), beginningOf(check)];
    const args = [relay, trimTo ?? '', ...checked, cursors.size, ...changes];
    return (await this.#commit.run(COMMIT, keys, args)) === 1;
  }

  async letters(prefix: string) {
    const all = await this.#link.ask((redis) =>
      Promise.all(this.partitions.map((partition) => redis.hgetall(key.letters(partition)))),
    );
    return all.flatMap((fields, i) =>
      Object.entries(fields).flatMap(([name, text]) =>
        name.startsWith(prefix) ? [{ partition: this.partitions[i] as FeedPartition, name, text }] : [],
      ),
    );
  }

  async changeLetter(
    partition: FeedPartition,
    name: string,
    from: string,
    to: string | undefined,
  ): Promise<boolean> {
    const keys = [key.feedRelay(partition), key.letters(partition)];
    return (await this.#commit.run(CHANGE_LETTER, keys, [name, from, to ?? '', randomText(12)])) === 1;
  }

  async #renew(partitions: readonly FeedPartition[], relay: string, leaseMs: number) {
    const answers = await this.#each(RENEW, partitions, (shard) => [key.feedRelay(shard)], [relay, leaseMs]);
    return (answers as string[]).map((answer) => (answer === '' ? undefined : answer.slice(1)));
  }

  /** Runs a script on shards, and answers its answers for each shard. */
  async #each(
    script: Script,
    shards: readonly FeedPartition[],
    keysOf: (shard: FeedPartition) => readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown[]> {
    const size = this.#commit.acrossShards ? CALL_SHARDS : 1;
    const calls: Promise<unknown>[] = [];
    for (let from = 0; from < shards.length; from += size)
      calls.push(this.#commit.run(script, shards.slice(from, from + size).flatMap(keysOf), args));
    return (await Promise.all(calls)).flat();
  }

  /** Checks the version of Redis. @throws {CimError} 4000: it is too old, or Redis does not answer */
  async #assertVersion(): Promise<void> {
    const infos = await this.#link.ask(() =>
      Promise.all(this.#link.masters().map((redis) => redis.info('server'))),
    );
    for (const info of infos) {
      const [, version = '', major = ''] = /redis_version:((\d+)\S*)/.exec(info) ?? [];
      if (Number(major) < REDIS_VERSION)
        throw new CimError(
          'failure',
          `events need Redis ${REDIS_VERSION} or newer, and this is Redis ${version}; webhooks stay off`,
        );
    }
  }
}

function pairs(flat: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (let i = 0; i + 1 < flat.length; i += 2) found.set(flat[i] ?? '', flat[i + 1] ?? '');
  return found;
}

/**
 * How a record begins. After Redis has lost records, another one may have the place and the seq of a lost one, so the author and
 * the time are compared too.
 */
function beginningOf(record: FeedRecord): string {
  if ('event' in record) return record.text;
  const { seq, sender, counter, storedAt } = record.entry;
  return `${seq} ${streamName(record.stream)} ${sender.userId} ${counter} ${storedAt} `;
}

/** The id after which the records of this position begin. Ids count from `1-0`, positions from 1. */
const idAfter = (position: number): string => `1-${position}`;

function recordOf([id, [field = Buffer.alloc(0), text = Buffer.alloc(0), ...rest]]: Row): FeedRecord {
  const position = Number(id.toString('latin1').slice('1-'.length)) + 1;
  if (field.toString('latin1') === 'e') {
    const json = text.toString('utf8');
    return { position, event: JSON.parse(json) as FeedEvent, text: json };
  }
  const afterSeq = text.indexOf(SPACE);
  const afterName = text.indexOf(SPACE, afterSeq + 1);
  return {
    position,
    stream: streamOfName(text.toString('utf8', afterSeq + 1, afterName)),
    entry: entryOf(text.subarray(0, afterSeq), [field, text.subarray(afterName + 1), ...rest]),
  };
}

const SPACE = 0x20;
