import { hash } from 'node:crypto';
import { faultOf } from './fault.ts';
import type { Connection } from './link.ts';

/** Bytes among them are to be Buffers. */
export type ScriptArgs = readonly (string | number | Buffer)[];

/** A Lua script; all its keys lie in one shard. Sent by its hash, and whole when the server does not know it. */
export class Script {
  readonly #lua: string;
  readonly #sha: string;
  readonly #call: 'call' | 'callBuffer';

  /** @param answers what strings among its answers come as */
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

  /** Fails with NOSCRIPT when the server does not know it. */
  byHash(redis: Connection, keys: readonly string[], args: ScriptArgs): Promise<unknown> {
    return redis[this.#call]('EVALSHA', this.#sha, keys.length, ...keys, ...args);
  }

  whole(redis: Connection, keys: readonly string[], args: ScriptArgs): Promise<unknown> {
    return redis[this.#call]('EVAL', this.#lua, keys.length, ...keys, ...args);
  }
}
