import type { DeliveredNotice, Doorbell } from '@cim/delivery';
import {
  type CloseReason,
  type Epoch,
  type GroupId,
  type InstanceId,
  LOBBY,
  type UserId,
} from '@cim/protocol';
import type { Observer } from '@cim/runtime';
import type { Entry } from '@cim/store';
import type { Instance } from '../recovery/instance.ts';
import type { GroupLog } from '../subscriptions/group-log.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';

/** What servers ring, in this process and from others. */
export class LocalDoorbell implements Doorbell {
  readonly #instance: Instance;
  readonly #registry: SessionRegistry;
  readonly #lobby: GroupLog;
  readonly #observer: Pick<Observer, 'arrived'>;

  constructor(
    instance: Instance,
    registry: SessionRegistry,
    lobby: GroupLog,
    observer: Pick<Observer, 'arrived'>,
  ) {
    this.#instance = instance;
    this.#registry = registry;
    this.#lobby = lobby;
    this.#observer = observer;
  }

  get instance(): InstanceId {
    return this.#instance.id;
  }

  deliver(user: UserId, entry: Entry | undefined, from: InstanceId | undefined): 'taken' | 'gone' {
    if (entry !== undefined) this.#observer.arrived((Date.now() - entry.storedAt) / 1_000);
    return this.#registry.get(user)?.deliver(entry, from) ?? 'gone';
  }

  broadcast(group: GroupId, entry: Entry | undefined): void {
    if (group !== LOBBY) return;
    if (entry === undefined) this.#lobby.look();
    else this.#lobby.offer(entry);
  }

  signal(): void {}

  signalGroup(): void {}

  groupsChanged(): void {}

  holds(user: UserId): boolean {
    return this.#registry.holds(user);
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
