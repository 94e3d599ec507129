import { hash } from 'node:crypto';
import { faultOf } from './fault.ts';
import type { Connection } from './link.ts';

/** Arguments of a script. Bytes among them must be Buffers. */
export type ScriptArgs = readonly (string | number | Buffer)[];

/**
 * A Lua script. All its keys lie in one shard. It is sent by its hash, and whole when the server does not
 * know it.
 */
export class Script {
  readonly #lua: string;
  readonly #sha: string;
  readonly #call: 'call' | 'callBuffer';

  /** @param answers whether strings among its answers come as texts or as bytes */
  constructor(lua: string, answers: 'texts' | 'bytes' = 'texts') {
    this.#lua = lua;
    this.#call = answers === 'bytes' ? 'callBuffer' : 'call';
    this.#sha = hash('sha1', lua, 'hex');
  }

  run(redis: Connection, keys: readonly string[], args: ScriptArgs): Promise<unknown> {
    return this.byHash(redis, keys, args).catch((error: unknown) => {
      if (faultOf(error).kind !== 'script') throw error;
      return this.whole(redis, keys, args);
    });
  }

  /** Sends the script by its hash. Fails with NOSCRIPT when the server does not know it. */
  byHash(redis: Connection, keys: readonly string[], args: ScriptArgs): Promise<unknown> {
    return redis[this.#call]('EVALSHA', this.#sha, keys.length, ...keys, ...args);
  }

  whole(redis: Connection, keys: readonly string[], args: ScriptArgs): Promise<unknown> {
    return redis[this.#call]('EVAL', this.#lua, keys.length, ...keys, ...args);
  }
}
