import type { RedisLink } from './link.ts';
import type { Script, ScriptArgs } from './script.ts';

/**
 * How calls are carried out that must be durable: when the call is answered, its writes are kept as the
 * durability mode says.
 */
export interface Commit {
  run(script: Script, keys: readonly string[], args: ScriptArgs): Promise<unknown>;
  /** Whether it waits for replicas. It then waits for the writes of the call, and for nothing else. */
  readonly waits: boolean;
  /** Whether a call may touch several shards: one server holds them all, and one connection keeps the order. */
  readonly acrossShards: boolean;
}

/** The commit for modes in which Redis' own answer is enough. */
export const directCommit = (link: RedisLink): Commit => ({
  run: (script, keys, args) => {
    const answer = link.ask((redis) => script.run(redis, keys, args));
    link.flush();
    return answer;
  },
  waits: false,
  acrossShards: link.url.kind !== 'cluster',
});
