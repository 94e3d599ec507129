import type { Limited, Limits, Take } from '../limits.ts';
import { key } from './keys.ts';
import type { RedisLink } from './link.ts';
import { Script } from './script.ts';

/**
 * KEYS one bucket each: when it will be full [ms]. ARGV for each: ms per token, most tokens, tokens to take
 * (0: none, is there one?). The arithmetic is that of `takeFrom` in `token-bucket.ts`. Answers 0, or the
 * number of the bucket with too few tokens and for how many ms. A full bucket has no key.
 */
const TAKE = new Script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local full = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do
  local every, burst, cost = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local from = math.max(tonumber(full[i] or 0), now)
  local needed = math.min(math.max(cost, 1), burst) * every
  local after = from + needed - now - burst * every
  -- Redis keeps 17 digits: less than a µs is an error of floating point.
  if after > 0.01 then return {i, math.ceil(after)} end
  full[i] = cost > 0 and from + needed
end
for i = 1, #KEYS do
  if full[i] then redis.call('SET', KEYS[i], string.format('%.3f', full[i]), 'PX', math.ceil(full[i] - now) + 1) end
end
return {0, 0}`);

export class RedisLimits implements Limits {
  readonly #link: RedisLink;
  readonly #acrossShards: boolean;

  /** @param acrossShards whether one call may touch keys of several shards */
  constructor(link: RedisLink, acrossShards: boolean) {
    this.#link = link;
    this.#acrossShards = acrossShards;
  }

  async take(takes: readonly Take[]): Promise<Limited | undefined> {
    const first = takes[0];
    if (first === undefined) return undefined;
    /** Key: shard, or '' for all. Value: indexes of its buckets. */
    const shards = new Map<string, number[]>();
    for (const [i, { of }] of takes.entries()) {
      const shard = this.#acrossShards ? '' : key.limitShard(of);
      shards.set(shard, [...(shards.get(shard) ?? []), i]);
    }
    const answers = await Promise.all([...shards.values()].map((places) => this.#take(takes, places)));
    return answers.find((answer) => answer !== undefined);
  }

  async #take(takes: readonly Take[], places: readonly number[]): Promise<Limited | undefined> {
    const those = places.flatMap((i) => takes[i] ?? []);
    const keys = those.map(({ limit, of }) => key.limit(limit, of));
    const args = those.flatMap(({ rate, cost }) => [rate.intervalMs / rate.tokens, rate.burst, cost]);
    const answer = this.#link.ask((redis) => TAKE.run(redis, keys, args));
    const [place = 0, afterMs = 0] = (await answer) as number[];
    const index = places[place - 1];
    return place === 0 || index === undefined ? undefined : { index, afterMs };
  }
}
