import { hash } from 'node:crypto';
import type { Connection } from './link.ts';

/** A Lua script; all its keys lie in one shard. Sent by its hash, and whole when the server does not know it. */
export class Script {
  readonly #lua: string;
  readonly #sha: string;

  constructor(lua: string) {
    this.#lua = lua;
    this.#sha = hash('sha1', lua, 'hex');
  }

  /** Bytes among `args` are to be Buffers. */
  async run(
    redis: Connection,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    try {
      return await redis.call('EVALSHA', this.#sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return redis.call('EVAL', this.#lua, keys.length, ...keys, ...args);
    }
  }
}
