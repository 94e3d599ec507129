import type { DeliveredNotice, Doorbell } from '@cim/delivery';
import type { CloseReason, Epoch, GroupId, InstanceId, UserId } from '@cim/protocol';
import type { Entry } from '@cim/store';
import type { Instance } from './instance.ts';
import type { Look } from './look.ts';
import type { SessionRegistry } from './session-registry.ts';
import { SharedFrame } from './shared-frame.ts';

/** What dispatchers ring, here and from other processes. */
export class LocalDoorbell implements Doorbell {
  readonly #instance: Instance;
  readonly #registry: SessionRegistry;
  readonly #look: Look;

  constructor(instance: Instance, registry: SessionRegistry, look: Look) {
    this.#instance = instance;
    this.#registry = registry;
    this.#look = look;
  }

  get instance(): InstanceId {
    return this.#instance.id;
  }

  deliver(user: UserId, entry: Entry | undefined, from: InstanceId | undefined): 'taken' | 'gone' {
    return this.#registry.get(user)?.deliver(entry, from) ?? 'gone';
  }

  broadcast(group: GroupId, entry: Entry | undefined): void {
    if (entry === undefined) {
      this.#look.now();
      return;
    }
    const shared = new SharedFrame(group, entry);
    for (const session of this.#registry.all()) session.broadcast(group, shared);
  }

  kick(user: UserId, upTo: Epoch, reason: CloseReason): void {
    const session = this.#registry.get(user);
    if (session !== undefined && session.epoch <= upTo) session.close(reason);
  }

  fetchOffline(user: UserId): void {
    this.#registry.get(user)?.fetchOffline();
  }

  delivered(notices: readonly DeliveredNotice[]): void {
    for (const notice of notices) this.#registry.get(notice.sender)?.delivered(notice);
  }
}
