import type { DeliveredNotice, Doorbell } from '@cim/delivery';
import {
  type CloseReason,
  type DeviceId,
  type Epoch,
  type GroupId,
  type InstanceId,
  LOBBY,
  type UserId,
} from '@cim/protocol';
import type { Observer } from '@cim/runtime';
import { type Entry, isCopy } from '@cim/store';
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

  deliver(
    user: UserId,
    entry: Entry | undefined,
    from: InstanceId | undefined,
    except?: object,
  ): 'taken' | 'gone' {
    if (entry !== undefined && !isCopy(entry)) this.#observer.arrived((Date.now() - entry.storedAt) / 1_000);
    let answer: 'taken' | 'gone' = 'gone';
    for (const session of this.#registry.of(user))
      if (session === except || session.deliver(entry, from) === 'taken') answer = 'taken';
    return answer;
  }

  broadcast(group: GroupId, entry: Entry | undefined): void {
    if (group !== LOBBY) return;
    if (entry === undefined) this.#lobby.look();
    else this.#lobby.offer(entry);
  }

  signal(): void {}

  signalGroup(): void {}

  groupsChanged(): void {}

  holds(user: UserId, device?: DeviceId): boolean {
    return this.#registry.holds(user, device);
  }

  kick(user: UserId, upTo: Epoch, reason: CloseReason, device?: DeviceId): void {
    for (const session of this.#registry.of(user))
      if (session.epoch <= upTo && (device === undefined || session.device === device)) session.close(reason);
  }

  fetchOffline(user: UserId): void {
    for (const session of this.#registry.of(user)) session.fetchOffline();
  }

  delivered(notices: readonly DeliveredNotice[]): void {
    for (const notice of notices)
      for (const session of this.#registry.of(notice.sender)) session.delivered(notice);
  }
}
