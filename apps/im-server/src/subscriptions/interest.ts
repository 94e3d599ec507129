import type { GroupId, InstanceId } from '@cim/protocol';
import type { Groups } from '@cim/store';

/** Groups of one call. */
const BATCH = 500;

/**
 * Which groups this im-server is rung for. The store keeps an interest for `FOLLOW_MS` after it was told last: somebody
 * calls `renew` now and then. Calls to the store are made one after the other, so that they take effect in their order.
 */
export class Interest {
  readonly #groups: Pick<Groups, 'follow' | 'unfollow'>;
  readonly #instance: () => InstanceId;
  /** Everything that is wanted. Added by `want`, removed by `drop`. */
  readonly #wanted = new Set<GroupId>();
  /** Wanted, and not known to be in the store. */
  #toFollow = new Set<GroupId>();
  /** No longer wanted, and perhaps in the store. */
  #toUnfollow = new Set<GroupId>();
  #running: Promise<void> = Promise.resolve();
  /** Has not begun yet: takes along what is asked for meanwhile. */
  #next: Promise<void> | undefined;

  constructor(groups: Pick<Groups, 'follow' | 'unfollow'>, instance: () => InstanceId) {
    this.#groups = groups;
    this.#instance = instance;
  }

  /** Resolves when this im-server is rung for the groups. Rejects when the store does not answer. */
  want(groups: readonly GroupId[]): Promise<void> {
    let known = this.#next === undefined;
    for (const group of groups) {
      this.#toUnfollow.delete(group);
      if (!this.#wanted.has(group)) {
        this.#wanted.add(group);
        this.#toFollow.add(group);
      }
      known &&= !this.#toFollow.has(group);
    }
    return known ? this.#running : this.#sync();
  }

  drop(group: GroupId): void {
    this.#wanted.delete(group);
    this.#toFollow.delete(group);
    this.#toUnfollow.add(group);
    // What is not told now is told with the next call, and ends by itself otherwise.
    this.#sync().catch(() => undefined);
  }

  /** Tells the store of everything once more: time has passed, or this im-server has another instance id. */
  renew(): Promise<void> {
    this.#toFollow = new Set(this.#wanted);
    return this.#toFollow.size === 0 ? Promise.resolve() : this.#sync();
  }

  #sync(): Promise<void> {
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return (this.#running = this.#tell());
      });
    return this.#next;
  }

  async #tell(): Promise<void> {
    const [follow, unfollow] = [[...this.#toFollow], [...this.#toUnfollow]];
    this.#toFollow = new Set();
    this.#toUnfollow = new Set();
    const instance = this.#instance();
    try {
      for (let i = 0; i < unfollow.length; i += BATCH)
        await this.#groups.unfollow(unfollow.slice(i, i + BATCH), instance);
      for (let i = 0; i < follow.length; i += BATCH)
        await this.#groups.follow(follow.slice(i, i + BATCH), instance);
    } catch (error) {
      for (const group of follow) if (this.#wanted.has(group)) this.#toFollow.add(group);
      for (const group of unfollow) if (!this.#wanted.has(group)) this.#toUnfollow.add(group);
      throw error;
    }
    // Another life has begun meanwhile, which the store does not ring for these.
    if (instance === this.#instance()) return;
    this.#toFollow = new Set(this.#wanted);
    await this.#tell();
  }
}
