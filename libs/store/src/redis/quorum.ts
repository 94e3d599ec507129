/** Carries out calls that count only when every replica that could be promoted has them too. */
import { CimError } from '@cim/protocol';
import { faultOf } from './fault.ts';
import type { RedisLink } from './link.ts';
import { QuorumLane } from './quorum-lane.ts';
import type { Script, ScriptArgs } from './script.ts';
import { SentinelView } from './sentinel-view.ts';
import { slotOf } from './slot.ts';

/** Number of connections to each master. Each waits for the replicas once per batch. */
const LANES = 4;

export class Quorum {
  readonly #link: RedisLink;
  /**
   * Key: a master's address and the number of the lane. Never removed; a lane to a server that is gone is
   * closed.
   */
  readonly #lanes = new Map<string, QuorumLane>();

  readonly #sentinels: SentinelView | undefined;

  constructor(link: RedisLink) {
    this.#link = link;
    const { url } = link;
    if (url.kind === 'sentinel') this.#sentinels = new SentinelView(url);
  }

  /**
   * Carries out a call. Calls on one shard keep their order. @throws {CimError} it is not known to be on all
   * replicas
   */
  async run(script: Script, keys: readonly string[], args: ScriptArgs): Promise<unknown> {
    this.#link.assertUp();
    const slot = slotOf(keys[0] ?? '');
    const master = this.#link.masterOf(slot);
    if (master === undefined) throw new CimError('failure', `no server holds slot ${slot} of the Cluster`);
    try {
      return await this.#lane(master, slot % LANES).run(script, keys, args);
    } catch (error) {
      this.#link.count(faultOf(error));
      throw error;
    }
  }

  stop(): void {
    for (const lane of this.#lanes.values()) lane.stop();
    this.#sentinels?.stop();
  }

  #lane(master: string, number: number): QuorumLane {
    const name = `${master} ${number}`;
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = new QuorumLane(
        master,
        () => this.#link.dial(master),
        () => this.#link.lookAgain(),
        () => this.#sentinels?.ask() ?? Promise.resolve(undefined),
      );
      this.#lanes.set(name, lane);
    }
    return lane;
  }
}
