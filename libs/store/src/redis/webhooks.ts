import { byAge, type Webhook, type WebhookHealth, type Webhooks, WEBHOOKS_AT_MOST } from '../webhooks.ts';
import type { Commit } from './commit.ts';
import { key } from './keys.ts';
import type { RedisLink } from './link.ts';
import { Script } from './script.ts';

/** KEYS webhooks. ARGV id, version, webhook as JSON, most webhooks. */
const PUT = new Script(`
local call = redis.call
local version = call('HGET', KEYS[1], 'v:' .. ARGV[1])
if tonumber(version or '0') ~= tonumber(ARGV[2]) - 1 then
  -- The same call again, whose answer was lost.
  if version == ARGV[2] and call('HGET', KEYS[1], 'w:' .. ARGV[1]) == ARGV[3] then return 'ok' end
  return 'changed'
end
if not version then
  local n = 0
  for _, field in ipairs(call('HKEYS', KEYS[1])) do if string.sub(field, 1, 2) == 'w:' then n = n + 1 end end
  if n >= tonumber(ARGV[4]) then return 'full' end
end
local revision = tonumber(call('HGET', KEYS[1], 'revision') or '0') + 1
call('HSET', KEYS[1], 'revision', revision, 'v:' .. ARGV[1], ARGV[2], 'w:' .. ARGV[1], ARGV[3])
return 'ok'`);

/** KEYS webhooks. ARGV id. */
const REMOVE = new Script(`
local call = redis.call
if call('HDEL', KEYS[1], 'w:' .. ARGV[1], 'v:' .. ARGV[1], 'h:' .. ARGV[1]) == 0 then return 0 end
call('HSET', KEYS[1], 'revision', tonumber(call('HGET', KEYS[1], 'revision') or '0') + 1)
return 1`);

/** KEYS webhooks. ARGV id, health as JSON. */
const NOTE = new Script(`
if redis.call('HGET', KEYS[1], 'w:' .. ARGV[1]) then redis.call('HSET', KEYS[1], 'h:' .. ARGV[1], ARGV[2]) end
return 1`);

/**
 * One hash: `revision`; for each webhook `w:<id>` as JSON, `v:<id>` its version, `h:<id>` its health as JSON.
 */
export class RedisWebhooks implements Webhooks {
  readonly #link: RedisLink;
  readonly #commit: Commit;

  constructor(link: RedisLink, commit: Commit) {
    this.#link = link;
    this.#commit = commit;
  }

  async list(): Promise<{ readonly revision: number; readonly items: readonly Webhook[] }> {
    const fields = await this.#fields();
    const items = fields.flatMap(([name, text]) =>
      name.startsWith('w:') ? [JSON.parse(text) as Webhook] : [],
    );
    const [, revision = '0'] = fields.find(([name]) => name === 'revision') ?? [];
    return { revision: Number(revision), items: byAge(items) };
  }

  async put(webhook: Webhook): Promise<'ok' | 'changed' | 'full'> {
    const args = [webhook.id, webhook.version, JSON.stringify(webhook), WEBHOOKS_AT_MOST];
    return (await this.#commit.run(PUT, [key.webhooks], args)) as 'ok' | 'changed' | 'full';
  }

  async remove(id: string): Promise<boolean> {
    return (await this.#commit.run(REMOVE, [key.webhooks], [id])) === 1;
  }

  async note(id: string, health: WebhookHealth): Promise<void> {
    await this.#link.ask((redis) => NOTE.run(redis, [key.webhooks], [id, JSON.stringify(health)]));
  }

  async health(): Promise<ReadonlyMap<string, WebhookHealth>> {
    return new Map(
      (await this.#fields()).flatMap(([name, text]) =>
        name.startsWith('h:') ? [[name.slice(2), JSON.parse(text) as WebhookHealth] as const] : [],
      ),
    );
  }

  async #fields(): Promise<[string, string][]> {
    return Object.entries(await this.#link.ask((redis) => redis.hgetall(key.webhooks)));
  }
}
