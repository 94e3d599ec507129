import { hash } from 'node:crypto';
import type { Connection } from './connection.ts';

/** A Lua script; all its keys lie in one shard. Sent by its hash, and whole when the server does not know it. */
export class Script {
  readonly #lua: string;
  readonly #sha: string;

  constructor(lua: string) {
    this.#lua = lua;
    this.#sha = hash('sha1', lua, 'hex');
  }

  async run(
    redis: Connection,
    keys: readonly string[],
    args: readonly (string | number | Uint8Array)[],
  ): Promise<unknown> {
    const rest = [
      keys.length,
      ...keys,
      ...args.map((arg) => (arg instanceof Uint8Array ? Buffer.from(arg) : arg)),
    ];
    try {
      return await redis.call('EVALSHA', this.#sha, ...rest);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return redis.call('EVAL', this.#lua, ...rest);
    }
  }
}

/** The flat list that HGETALL answers, as RESP2 and RESP3 have it. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
