import type { UserId } from '@cim/protocol';
import { type Blocks, MOST_BLOCKS } from '../blocks.ts';
import type { Commit } from './commit.ts';
import { key } from './keys.ts';
import type { RedisLink } from './link.ts';
import { Script } from './script.ts';

/**
 * KEYS blocks of a user. ARGV the other user, and 1 to block or 0 to unblock. Answers 0 when there are too
 * many. It always writes, so that a caller that waits for replicas also waits for the state that the script
 * has found.
 */
const CHANGE = new Script(`
local blocks = redis.call('GET', KEYS[1]) or ' '
local whom = ' ' .. ARGV[1] .. ' '
local at = string.find(blocks, whom, 1, true)
local answer = 1
if ARGV[2] == '0' then
  if at then blocks = string.sub(blocks, 1, at) .. string.sub(blocks, at + #whom) end
elseif not at then
  local _, count = string.gsub(blocks, '%d+', '')
  if count >= ${MOST_BLOCKS} then answer = 0 else blocks = blocks .. ARGV[1] .. ' ' end
end
if blocks == ' ' then redis.call('UNLINK', KEYS[1]) else redis.call('SET', KEYS[1], blocks) end
return answer`);

/** Blocks as one text per user. The append script reads it together with the meta of the user's inbox. */
export class RedisBlocks implements Blocks {
  readonly #link: RedisLink;
  readonly #commit: Commit;

  constructor(link: RedisLink, commit: Commit) {
    this.#link = link;
    this.#commit = commit;
  }

  async list(user: UserId): Promise<readonly UserId[]> {
    const blocks = (await this.#link.ask((redis) => redis.get(key.blocks(user)))) ?? '';
    const ids = blocks.split(' ').filter((id) => id !== '');
    return (ids.map(Number) as UserId[]).sort((a, b) => a - b);
  }

  async block(user: UserId, blocked: UserId): Promise<'ok' | 'full'> {
    return (await this.#commit.run(CHANGE, [key.blocks(user)], [blocked, 1])) === 1 ? 'ok' : 'full';
  }

  async unblock(user: UserId, blocked: UserId): Promise<void> {
    await this.#commit.run(CHANGE, [key.blocks(user)], [blocked, 0]);
  }
}
