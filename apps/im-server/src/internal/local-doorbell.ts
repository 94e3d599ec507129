import {
  type DeliveredNotice,
  type Doorbell,
  type MoveRequest,
  type MoveStanding,
  type PlaceAt,
  type ServerLoad,
  type Signal,
  signalToWire,
  type Suspensions,
} from '@cim/delivery';
import {
  type CloseReason,
  cim,
  type DeviceId,
  encodeFrame,
  type Epoch,
  type GroupId,
  type InstanceId,
  type UserId,
} from '@cim/protocol';
import { inSlices, type Observer } from '@cim/runtime';
import { type Entry, isCopy, type Subject } from '@cim/store';
import type { Instance } from '../recovery/instance.ts';
import type { GroupLogs } from '../subscriptions/group-logs.ts';
import type { Mover } from '../sessions/mover.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';

/** Most sessions of one group that signals go to. In a larger group no signals are sent. */
const SIGNALLED = 200;

export interface LocalDoorbellParts {
  readonly instance: Instance;
  readonly registry: SessionRegistry;
  readonly groups: GroupLogs;
  readonly observer: Pick<Observer, 'arrived'>;
  readonly suspensions: Pick<Suspensions, 'learn'>;
  readonly mover: Pick<Mover, 'move'>;
  readonly load: () => ServerLoad;
}

/** The doorbell of this im-server: other servers ring it by RPC, parts of this process directly. */
export class LocalDoorbell implements Doorbell {
  readonly #instance: Instance;
  readonly #registry: SessionRegistry;
  readonly #groups: GroupLogs;
  readonly #observer: Pick<Observer, 'arrived'>;
  readonly #suspensions: Pick<Suspensions, 'learn'>;
  readonly #mover: Pick<Mover, 'move'>;
  readonly load: () => ServerLoad;

  constructor({ instance, registry, groups, observer, suspensions, mover, load }: LocalDoorbellParts) {
    this.#instance = instance;
    this.#registry = registry;
    this.#groups = groups;
    this.#observer = observer;
    this.#suspensions = suspensions;
    this.#mover = mover;
    this.load = load;
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
    const log = this.#groups.find(group);
    if (entry === undefined) log?.look();
    else log?.offer(entry);
  }

  signal(users: readonly UserId[], signal: Signal): void {
    const frame = encodeFrame(cim.Frame, { signal: signalToWire(signal) });
    for (const user of users) for (const session of this.#registry.of(user)) session.signal(signal, frame);
  }

  signalGroup(group: GroupId, signal: Signal): void {
    const log = this.#groups.find(group);
    if (log === undefined || log.followers > SIGNALLED) return;
    const frame = encodeFrame(cim.Frame, { signal: signalToWire(signal) });
    const sender = 'sender' in signal ? signal.sender.userId : undefined;
    for (const session of log.sinks()) if (session.userId !== sender) session.signal(signal, frame);
  }

  groupsChanged(users: readonly UserId[]): void {
    void inSlices(users, (user) => {
      for (const session of this.#registry.of(user)) session.groupsChanged();
    });
  }

  holds(user: UserId, device?: DeviceId): boolean {
    return this.#registry.holds(user, device);
  }

  places(users: readonly UserId[], group: GroupId | ''): PlaceAt[] {
    return users.flatMap((user) =>
      this.#registry.of(user).map((session) => ({
        ...{ user, device: session.device, epoch: session.epoch, address: session.address },
        place: session.placeIn(group),
      })),
    );
  }

  kick(user: UserId, upTo: Epoch, reason: CloseReason, device?: DeviceId): void {
    for (const session of this.#registry.of(user))
      if (session.epoch <= upTo && (device === undefined || session.device === device)) session.close(reason);
  }

  suspended(subject: Subject, leftMs: number): void {
    this.#suspensions.learn(subject, leftMs);
  }

  move(asked: MoveRequest): MoveStanding {
    return this.#mover.move(asked);
  }

  fetchOffline(user: UserId): void {
    for (const session of this.#registry.of(user)) session.fetchOffline();
  }

  delivered(notices: readonly DeliveredNotice[]): void {
    for (const notice of notices)
      for (const session of this.#registry.of(notice.sender)) session.delivered(notice);
  }
}
