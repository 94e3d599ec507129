/**
 * Whether im-servers answer; frozen ones do not. Asked before each login is placed, at the cost of one call.
 */
import type { ServerCalls } from '@cim/delivery';
import { type Member, memberName } from '@cim/discovery';
import { LRUCache } from 'lru-cache';

/**
 * A server that did not answer is not asked again for this long [ms], since finding out takes the login's
 * time.
 */
const AVOID_MS = 1_000;

export class Reachability {
  readonly #calls: ServerCalls;
  /** Key: member name and instance. Servers that did not answer lately. Removed by time and by number. */
  readonly #avoided = new LRUCache<string, true>({ max: 10_000, ttl: AVOID_MS });

  constructor(calls: ServerCalls) {
    this.#calls = calls;
  }

  async of(member: Member): Promise<boolean> {
    const name = `${memberName(member)} ${member.instance ?? ''}`;
    if (this.#avoided.has(name)) return false;
    const reachable = await new Promise<boolean>((resolve) => this.#calls.reaches(member, resolve));
    if (!reachable) this.#avoided.set(name, true);
    return reachable;
  }
}
