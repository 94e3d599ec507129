/**
 * From a stored entry to the im-servers that show it. Only the append counts: a push is a doorbell with the entry
 * attached (docs/architecture.md).
 */
import type { GroupId, InstanceId, UserId } from '@cim/protocol';
import { type Logger, type Observer, RareWarning } from '@cim/runtime';
import type { Entry, Store } from '@cim/store';
import { FailedPushes } from './failed-pushes.ts';
import { GroupNotes } from './group-notes.ts';
import { GroupRings } from './group-rings.ts';
import type { Locating, Locations } from './locations.ts';
import { type Push, PushBatch } from './push-batch.ts';
import type { Servers } from './servers.ts';
import { type Pusher, type PushParts, UserPush } from './user-push.ts';

export class Delivery {
  readonly #servers: Servers;
  readonly #locations: Locations;
  readonly #batch: PushBatch;
  readonly #parts: PushParts;
  readonly #rings: GroupRings;

  constructor(
    store: Store,
    servers: Servers,
    locations: Locations,
    observer: Pick<Observer, 'pushed' | 'groupRung'>,
    logger: Logger,
  ) {
    const { streams } = store;
    this.#servers = servers;
    this.#locations = locations;
    this.#batch = new PushBatch(servers.rpc, () => servers.local?.instance, logger);
    this.#parts = {
      store,
      locations,
      observer,
      failed: new FailedPushes(store, new RareWarning(logger, 'push.not-noted')),
      everywhere: () => servers.everywhere(),
      ring: (instance, push) => this.#ring(instance, push),
    };
    const notes = new GroupNotes(streams, new RareWarning(logger, 'ring.not-noted'));
    this.#rings = new GroupRings(servers, notes, observer);
  }

  /** A push to the user will come soon. */
  expect(user: UserId): void {
    this.#locations.expect(user);
  }

  /** Where the user is, as pushes find it. */
  find(user: UserId, asker: Locating): void {
    this.#locations.find(user, asker);
  }

  /**
   * Pushes an entry of the user's inbox to all devices of the user.
   * @param entry undefined: the im-servers look into the log
   * @param except a session of this process that is given nothing
   */
  toUser(user: UserId, entry: Entry | undefined, pusher: Pusher, except?: object): void {
    new UserPush(user, entry, except, this.#parts, pusher).begin();
  }

  /** Rings for an entry of a group. `followers` as in `AppendAnswer`. */
  toGroup(group: GroupId, entry: Entry | undefined, followers: readonly InstanceId[] | undefined): void {
    this.#rings.ring(group, entry, followers);
  }

  #ring(instance: InstanceId, push: Push): void {
    const local = this.#servers.localAt(instance);
    if (local !== undefined) return push.ended(local.deliver(push.user, push.entry, instance, push.except));
    const member = this.#servers.memberOf(instance);
    if (member === undefined) push.ended('failed');
    else this.#batch.add(instance, member, push);
  }
}
