import type { Commit } from './commit.ts';
import { type Fault, faultOf } from './fault.ts';
import type { RedisLink } from './link.ts';
import { deniedLine, nameNeeds, type Need, shardNeeds, targets } from './needs.ts';
import { Script } from './script.ts';
import { type Problem, problemOf } from './store-watch.ts';
import { addressOf } from './url.ts';

/**
 * KEYS one of the keys. ARGV commands, as JSON. For each failed command it answers its index, a space and the
 * error.
 */
const TRY = new Script(`
local failed = {}
for i, words in ipairs(cjson.decode(ARGV[1])) do
  local answer = redis.pcall(unpack(words))
  if type(answer) == 'table' and answer.err then failed[#failed + 1] = (i - 1) .. ' ' .. answer.err end
end
return failed`);

/** Kinds of faults that concern more than one key. */
const CONCERNS_ALL: ReadonlySet<Fault['kind']> = new Set(['elsewhere', 'refusing', 'settings', 'passing']);

/**
 * Tries on each master the writes of an append, by the same path as an append, and undoes them in the same
 * call. So it finds every reason why Redis refuses writes: memory, disk, replicas, permissions, a changed
 * role.
 */
export class WriteProbe {
  readonly #link: RedisLink;
  readonly #commit: Commit;
  readonly #id: string;

  /** @param id distinguishes this process from others */
  constructor(link: RedisLink, commit: Commit, id: string) {
    this.#link = link;
    this.#commit = commit;
    this.#id = id;
  }

  /** Runs the probe once. @throws {Error} Redis does not answer, or refuses the call as a whole */
  async run(): Promise<Problem | undefined> {
    const problems = await Promise.all(
      targets(this.#link).flatMap(({ node, shard, names }) => [
        ...(shard === undefined ? [] : [this.#try(shardNeeds(shard, this.#id), addressOf(node))]),
        ...(names === undefined ? [] : [this.#try(nameNeeds(names), addressOf(node))]),
      ]),
    );
    return problems.find((problem) => problem !== undefined);
  }

  async #try(needs: readonly Need[], address: string): Promise<Problem | undefined> {
    const [, key = ''] = needs[0]?.words ?? [];
    const answer = await this.#commit.run(TRY, [key], [JSON.stringify(needs.map(({ words }) => words))]);
    const faults: (Fault | undefined)[] = needs.map(() => undefined);
    for (const line of answer as string[]) {
      const cut = line.indexOf(' ');
      faults[Number(line.slice(0, cut))] = faultOf(line.slice(cut + 1));
    }
    const fault = faults.find((one) => one !== undefined && CONCERNS_ALL.has(one.kind));
    if (fault === undefined) return undefined;
    this.#link.notice(fault);
    const denied = deniedLine(needs, faults, this.#link, address);
    if (denied !== undefined) return { kind: 'settings', key: denied, text: denied };
    return problemOf(fault, `Redis at ${address}`);
  }
}
