import { API_KEYS_AT_MOST, type ApiKey, type ApiKeys, oldestFirst, tooManyKeys } from '../api-keys.ts';
import type { Commit } from './commit.ts';
import { key } from './keys.ts';
import type { RedisLink } from './link.ts';
import { Script } from './script.ts';

/** KEYS keys. ARGV id, key as JSON, when it ends or '', most keys. Answers 1 when the key is there. */
const ADD = new Script(`
if not redis.call('HGET', KEYS[1], 'k:' .. ARGV[1]) then
  local n = 0
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do if string.sub(field, 1, 2) == 'k:' then n = n + 1 end end
  if n >= tonumber(ARGV[4]) then return 0 end
end
redis.call('HSET', KEYS[1], 'k:' .. ARGV[1], ARGV[2])
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'e:' .. ARGV[1], ARGV[3]) end
return 1`);

/** KEYS keys. ARGV id, when it ends. Answers 1 when the key exists. */
const EXPIRE = new Script(`
if not redis.call('HGET', KEYS[1], 'k:' .. ARGV[1]) then return 0 end
local at = redis.call('HGET', KEYS[1], 'e:' .. ARGV[1])
if not at or tonumber(at) > tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], 'e:' .. ARGV[1], ARGV[2]) end
return 1`);

/** KEYS keys. ARGV id. Answers how many keys it has removed. */
const REMOVE = new Script(`
redis.call('HDEL', KEYS[1], 'e:' .. ARGV[1], 'u:' .. ARGV[1])
return redis.call('HDEL', KEYS[1], 'k:' .. ARGV[1])`);

/** KEYS keys. ARGV id, when it was used. */
const USED = new Script(`
if redis.call('HGET', KEYS[1], 'k:' .. ARGV[1]) then redis.call('HSET', KEYS[1], 'u:' .. ARGV[1], ARGV[2]) end
return 1`);

/** One hash: `k:<id>` → the key as it was made, `e:<id>` → when it ends, `u:<id>` → when it was used last [ms]. */
export class RedisApiKeys implements ApiKeys {
  readonly #link: RedisLink;
  readonly #commit: Commit;

  constructor(link: RedisLink, commit: Commit) {
    this.#link = link;
    this.#commit = commit;
  }

  async add({ expiresAt, ...made }: Omit<ApiKey, 'usedAt'>): Promise<void> {
    const args = [made.id, JSON.stringify(made), expiresAt ?? '', API_KEYS_AT_MOST];
    if ((await this.#commit.run(ADD, [key.apiKeys], args)) !== 1) throw tooManyKeys();
  }

  async find(id: string): Promise<ApiKey | undefined> {
    const [made, ends, used] = await this.#link.ask((redis) =>
      redis.hmget(key.apiKeys, `k:${id}`, `e:${id}`, `u:${id}`),
    );
    return typeof made === 'string' ? keyOf(made, ends, used) : undefined;
  }

  async list(): Promise<readonly ApiKey[]> {
    const fields = await this.#link.ask((redis) => redis.hgetall(key.apiKeys));
    return oldestFirst(
      Object.entries(fields).flatMap(([field, made]) => {
        const id = field.slice(2);
        return field.startsWith('k:') ? [keyOf(made, fields[`e:${id}`], fields[`u:${id}`])] : [];
      }),
    );
  }

  async expire(id: string, at: number): Promise<boolean> {
    return (await this.#commit.run(EXPIRE, [key.apiKeys], [id, at])) === 1;
  }

  async remove(id: string): Promise<boolean> {
    return (await this.#commit.run(REMOVE, [key.apiKeys], [id])) === 1;
  }

  async used(id: string, at: number): Promise<void> {
    await this.#link.ask((redis) => USED.run(redis, [key.apiKeys], [id, at]));
  }
}

const keyOf = (made: string, ends: string | null | undefined, used: string | null | undefined): ApiKey => ({
  ...(JSON.parse(made) as ApiKey),
  ...(typeof ends === 'string' ? { expiresAt: Number(ends) } : {}),
  ...(typeof used === 'string' ? { usedAt: Number(used) } : {}),
});
