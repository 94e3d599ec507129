import type { GroupId, InstanceId } from '@cim/protocol';
import type { Groups } from '@cim/store';

/** Most groups in one call. */
const BATCH = 500;

/**
 * Tells the store which groups this im-server is rung for. The store forgets an interest `FOLLOW_MS` after it
 * was last told, so `renew` is called now and then. Calls to the store are made one after the other, so that
 * they take effect in order.
 */
export class Interest {
  readonly #groups: Pick<Groups, 'follow' | 'unfollow'>;
  readonly #instance: () => InstanceId;
  /** All groups that are wanted. Added by `want`, removed by `drop`. */
  readonly #wanted = new Set<GroupId>();
  /** Wanted groups that may not be in the store yet. Emptied by each call. */
  #toFollow = new Set<GroupId>();
  /** Unwanted groups that may still be in the store. Emptied by each call. */
  #toUnfollow = new Set<GroupId>();
  #running: Promise<void> = Promise.resolve();
  /** The next call, which has not begun yet. It takes along all changes until it begins. */
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
    // A change that is not told now goes with the next call. Otherwise the interest ends by itself.
    this.#sync().catch(() => undefined);
  }

  /** Tells the store all groups again: time has passed, or this im-server has another instance id. */
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
    // Another life began during the call. The store does not ring it for these groups yet.
    if (instance === this.#instance()) return;
    this.#toFollow = new Set(this.#wanted);
    await this.#tell();
  }
}
