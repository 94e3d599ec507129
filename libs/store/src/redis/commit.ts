import type { RedisLink } from './link.ts';
import type { Script, ScriptArgs } from './script.ts';

/** How a call is carried out that promises something: with its answer it is kept as the durability mode says. */
export interface Commit {
  run(script: Script, keys: readonly string[], args: ScriptArgs): Promise<unknown>;
  /** Whether it waits for replicas, which sees to what a call has written and to nothing else. */
  readonly waits: boolean;
  /** Whether a call may touch several shards: one server holds them all, and one connection keeps their order. */
  readonly acrossShards: boolean;
}

/** For the modes in which Redis' own answer is enough. */
export const directCommit = (link: RedisLink): Commit => ({
  run: (script, keys, args) => {
    const answer = link.ask((redis) => script.run(redis, keys, args));
    link.flush();
    return answer;
  },
  waits: false,
  acrossShards: link.url.kind !== 'cluster',
});
