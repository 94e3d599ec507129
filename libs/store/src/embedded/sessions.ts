import {
  ANY_INSTANCE,
  CIM_DEVICE,
  DEFAULT_DEVICE,
  type DeviceId,
  type Epoch,
  type InstanceId,
  type NamedUser,
  type UserId,
} from '@cim/protocol';
import {
  type ClaimAnswer,
  type CurrentSession,
  type IssueAnswer,
  MAX_DEVICES,
  type Session,
  type SessionAt,
  type Sessions,
  type UserDevice,
} from '../sessions.ts';
import {
  devicesOf,
  isOver,
  livesOf,
  newest,
  olderThanNext,
  openOf,
  pruned,
  secretsOf,
  waits,
  withRecords,
} from './device-records.ts';
import type { EmbeddedEventFeed } from './event-feed.ts';
import { accountKey, sessionKey } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { promised } from './promised.ts';
import type { DeviceRecord } from './records.ts';

interface Online {
  readonly userName: string;
  readonly devices: Set<DeviceId>;
}

interface Lease {
  /** When the lease lapses [ms of `SessionTimes.monotonic`]. */
  until: number;
  /** Key: user. Value: the user's live devices here. Removed with the last device, or with the lease. */
  readonly online: Map<UserId, Online>;
}

export interface SessionTimes {
  readonly leaseMs: number;
  readonly issuedMs: number;
  /** The time for records on disk [ms since 1970]. It may go back. */
  readonly now: () => number;
  /** The time for leases, which are in memory [ms]. It never goes back. */
  readonly monotonic: () => number;
}

/**
 * Leases and online sets are in memory: the process that opens the folder is the only one, and all earlier
 * ones have ended.
 */
export class EmbeddedSessions implements Sessions {
  readonly #ledger: Ledger;
  readonly #feed: Pick<EmbeddedEventFeed, 'tellPresence'>;
  readonly #times: SessionTimes;
  /** Key: instance. Removed by `closeLease`, or when found lapsed. */
  readonly #leases = new Map<InstanceId, Lease>();

  constructor(ledger: Ledger, feed: Pick<EmbeddedEventFeed, 'tellPresence'>, times: SessionTimes) {
    this.#ledger = ledger;
    this.#feed = feed;
    this.#times = times;
  }

  async issue(request: Parameters<Sessions['issue']>[0]): Promise<IssueAnswer> {
    const { user, device, label, instance, policy, secretHash } = request;
    const { userId, userName } = user;
    const one = policy === 'replace' ? request.one : policy === 'devices' ? 'device' : 'user';
    const records = this.#get(userId);
    const mine = records.find((record) => record.device === device);
    const shown =
      policy === 'replace'
        ? (one === 'user' ? records : [mine]).find((of) => secretsOf(of).includes(request.shownHash))
        : undefined;
    const stillCounts =
      policy === 'replace'
        ? shown !== undefined
        : this.#ledger.get(accountKey(userId))?.passwordHash === request.passwordHash;
    if (!stillCounts) return { outcome: 'stale' };

    const stands = (of: DeviceRecord): boolean => this.#isOpen(of) || this.#waits(records, of);
    const inTheWay = policy === 'reject' ? records : policy === 'devices' && isShared(device) ? [mine] : [];
    if (inTheWay.some((of) => of !== undefined && stands(of)))
      return { outcome: 'repeat', live: inTheWay.flatMap((of) => this.#open(of) ?? []) };
    const others = records.filter((of) => of !== mine && (stands(of) || secretsOf(of).length > 0));
    if (policy === 'devices' && others.length >= (request.maxDevices ?? MAX_DEVICES))
      return { outcome: 'too-many' };

    const now = this.#times.now();
    const epoch = (newest(records) + 1) as Epoch;
    const previous = this.#open(mine);
    // A session whose server is gone ends here, if this login may be the only one of the user.
    const rest = records
      .filter((of) => of !== mine)
      .map((of): DeviceRecord => {
        if (one === 'device' || openOf(of) === undefined || this.#isOpen(of)) return of;
        return { ...of, state: of.state === 'live' ? 'replaced' : of.state, previous: [] };
      });
    const made: DeviceRecord = {
      ...{ userName, device, label, one, seenAt: now, epoch, state: 'issued', instance, secretHash },
      olderHashes: olderThanNext(mine),
      createdAt: policy === 'replace' && shown !== undefined ? lifeOf(shown, request.shownHash, now) : now,
      olderCreatedAt: mine === undefined ? undefined : Math.min(...Object.values(livesOf(mine, now))),
      until: now + this.#times.issuedMs,
      claim: '',
      previous: previous === undefined ? [] : [previous],
    };
    this.#put(
      userId,
      pruned(rest, now, (of) => this.#isOpen(of)),
      made,
    );
    await this.#ledger.commit();
    return { outcome: 'issued', epoch };
  }

  async claim(request: Parameters<Sessions['claim']>[0]): Promise<ClaimAnswer> {
    const { userId, instance, epoch, userName, claim } = request;
    const records = this.#get(userId);
    const current = records.find((of) =>
      epoch === undefined ? of.device === CIM_DEVICE : of.epoch === epoch && !isOver(of),
    );
    if (current === undefined || this.#lease(instance) === undefined) return { outcome: 'refused' };
    if (current.instance !== instance && current.instance !== ANY_INSTANCE) return { outcome: 'refused' };
    // A login that was issued with a secret cannot be claimed by a name.
    const named = current.userName === userName && current.secretHash === '';
    if (epoch === undefined && !named) return { outcome: 'refused' };
    const isFresh = this.#waits(records, current);
    if (!isFresh && (current.state !== 'live' || current.claim !== claim)) return { outcome: 'refused' };
    const claimed = isFresh ? this.#claimFresh(userId, records, current, { instance, claim }) : current;
    this.#feed.tellPresence(userId, claimed.userName);
    await this.#ledger.commit();
    const { device, label, previous } = claimed;
    const createdAt = claimed.secretHash === '' ? 0 : livesOf(claimed, this.#times.now()).createdAt;
    this.#appear({ userId, device }, claimed.epoch, instance);
    const others = this.#get(userId).flatMap((of) => (of.device === device ? [] : (openOf(of) ?? [])));
    return {
      ...{ outcome: 'claimed', epoch: claimed.epoch, userName: claimed.userName, device, label },
      ...{ createdAt, previous, others },
    };
  }

  /** The claim of a login that ends all sessions of its user ends them now. */
  #claimFresh(
    userId: UserId,
    records: readonly DeviceRecord[],
    current: DeviceRecord,
    by: Pick<DeviceRecord, 'instance' | 'claim'>,
  ): DeviceRecord {
    const seenAt = this.#times.now();
    const ends =
      current.one === 'device'
        ? []
        : records.filter((of) => of !== current && (openOf(of) !== undefined || secretsOf(of).length > 0));
    const replaced = ends.map(
      (of): DeviceRecord => ({
        ...of,
        ...{
          epoch: current.epoch,
          state: 'replaced',
          previous: [],
          secretHash: '',
          olderHashes: [],
          claim: '',
        },
        seenAt: openOf(of) === undefined ? of.seenAt : seenAt,
      }),
    );
    const previous = [...current.previous, ...ends.flatMap((of) => openOf(of) ?? [])];
    const live: DeviceRecord = {
      ...current,
      ...by,
      ...{ state: 'live', olderHashes: [], olderCreatedAt: undefined, seenAt, previous },
    };
    this.#put(userId, records, ...replaced, live);
    return live;
  }

  async reclaim(
    sessions: readonly (NamedUser & UserDevice & { readonly epoch: Epoch })[],
    to: InstanceId,
  ): Promise<boolean[]> {
    const leased = this.#lease(to) !== undefined;
    const kept = sessions.map(({ userId, device, epoch }) => {
      const records = this.#get(userId);
      const current = records.find((of) => of.device === device);
      const open = openOf(current);
      if (!leased || current === undefined || open?.epoch !== epoch) return false;
      if (open.instance !== to)
        this.#put(
          userId,
          records,
          current.state === 'live'
            ? { ...current, instance: to }
            : { ...current, previous: [{ ...open, instance: to }] },
        );
      this.#feed.tellPresence(userId, current.userName);
      return true;
    });
    await this.#ledger.commit();
    for (const session of sessions) this.#appear(session, session.epoch, to);
    return kept;
  }

  async release({ userId, device }: UserDevice, epoch: Epoch, instance: InstanceId): Promise<void> {
    const records = this.#get(userId);
    const current = records.find((of) => of.device === device);
    const open = openOf(current);
    const newerHere = open !== undefined && open.epoch > epoch && open.instance === instance;
    if (!newerHere) this.#leave(userId, device, instance);
    if (current?.epoch === epoch && !isOver(current))
      this.#put(userId, records, {
        ...current,
        ...{ state: 'ended', previous: [], seenAt: this.#times.now() },
      });
    else if (current?.state === 'issued' && current.previous[0]?.epoch === epoch)
      this.#put(userId, records, { ...current, previous: [] });
    if (current !== undefined) this.#feed.tellPresence(userId, current.userName);
    await this.#ledger.commit();
  }

  async end(userId: UserId, which?: Parameters<Sessions['end']>[1]): Promise<SessionAt[]> {
    const records = this.#get(userId);
    const ended: SessionAt[] = [];
    const changed: DeviceRecord[] = [];
    let epoch = newest(records);
    for (const record of records) {
      const { device } = record;
      const open = openOf(record);
      const at = { device, instance: record.instance, epoch: record.epoch };
      if (which !== undefined && 'secretHash' in which && which.secretHash !== record.secretHash) {
        const found = record.olderHashes.indexOf(which.secretHash);
        if (found < 0) continue;
        const olderHashes = record.olderHashes.slice(0, found);
        const previous = record.state === 'issued' ? [] : record.previous;
        changed.push({ ...record, olderHashes, previous });
        if (open !== undefined) ended.push(open);
      } else if (which === undefined || !('device' in which) || which.device === device) {
        if (!isOver(record)) {
          const left = open ?? at;
          if (left.instance !== ANY_INSTANCE) ended.push(left);
          this.#leave(userId, device, at.instance);
        }
        changed.push({
          ...record,
          ...{ state: 'ended', secretHash: '', olderHashes: [], claim: '', previous: [] },
          // A session by name keeps its epoch. A CIM client acks by the bytes that the kernel took, and its
          // ack may come after its logout.
          epoch: secretsOf(record).length > 0 ? (++epoch as Epoch) : record.epoch,
          seenAt: isOver(record) ? record.seenAt : this.#times.now(),
        });
      }
    }
    if (changed.length > 0) this.#put(userId, records, ...changed);
    const [first] = records;
    if (first !== undefined) this.#feed.tellPresence(userId, first.userName);
    for (const { device, instance } of ended) this.#leave(userId, device, instance);
    await this.#ledger.commit();
    return ended;
  }

  find(userId: UserId): Promise<Session[]> {
    return promised(() =>
      this.#committed(userId)
        .map((record): Session => {
          const { userName, device, label, seenAt, epoch, state, instance, secretHash, olderHashes } = record;
          return {
            ...{ userId, userName, device, label, seenAt, epoch, instance },
            state: state === 'replaced' ? 'ended' : state,
            secretHashes: [secretHash, ...olderHashes],
            ...livesOf(record, this.#times.now()),
          };
        })
        .sort((one, other) => other.epoch - one.epoch),
    );
  }

  locate(userId: UserId): Promise<SessionAt[]> {
    return promised(() => this.#committed(userId).flatMap((of) => this.#open(of) ?? []));
  }

  epochs(of: readonly UserDevice[]): Promise<CurrentSession[]> {
    return promised(() =>
      of.map(({ userId, device }) => {
        const current = this.#committed(userId).find((record) => record.device === device);
        const open = openOf(current);
        if (open !== undefined) return { epoch: open.epoch, state: 'live' };
        return { epoch: current?.epoch ?? (0 as Epoch), state: current?.state ?? 'ended' };
      }),
    );
  }

  openLease(instance: InstanceId): Promise<void> {
    return promised(() => {
      if (this.#lease(instance) !== undefined) throw new Error(`the instance id ${instance} is taken`);
      this.#leases.set(instance, { until: this.#times.monotonic() + this.#times.leaseMs, online: new Map() });
    });
  }

  renewLease(instance: InstanceId): Promise<boolean> {
    const lease = this.#lease(instance);
    if (lease !== undefined) lease.until = this.#times.monotonic() + this.#times.leaseMs;
    return Promise.resolve(lease !== undefined);
  }

  closeLease(instance: InstanceId): Promise<void> {
    this.#leases.delete(instance);
    return Promise.resolve();
  }

  online(instance: InstanceId): Promise<NamedUser[]> {
    const online = this.#lease(instance)?.online ?? new Map<UserId, Online>();
    return Promise.resolve([...online].map(([userId, { userName }]) => ({ userId, userName })));
  }

  /** Whether a device of the user is live at an instance whose lease is valid, also if that is not on disk yet. */
  isOnline(userId: UserId): boolean {
    return this.#get(userId).some((of) => this.#isOpen(of));
  }

  /**
   * Enters the session in the online set once it is on disk, unless something has ended or replaced it since.
   */
  #appear({ userId, device }: UserDevice, epoch: Epoch, instance: InstanceId): void {
    const current = this.#get(userId).find((of) => of.device === device);
    const open = openOf(current);
    if (current === undefined || open?.epoch !== epoch || open.instance !== instance) return;
    const online = this.#lease(instance)?.online;
    const { userName } = current;
    const devices = online?.get(userId)?.devices ?? new Set<DeviceId>();
    online?.set(userId, { userName, devices: devices.add(device) });
  }

  #leave(userId: UserId, device: DeviceId, instance: InstanceId): void {
    const online = this.#leases.get(instance)?.online;
    const devices = online?.get(userId)?.devices;
    devices?.delete(device);
    if (devices?.size === 0) online?.delete(userId);
  }

  #waits(records: readonly DeviceRecord[], record: DeviceRecord): boolean {
    return waits(records, record, this.#times.now(), this.#times.issuedMs);
  }

  /** The live session of the device, if the lease of its instance is valid. */
  #open(record: DeviceRecord | undefined): SessionAt | undefined {
    const open = openOf(record);
    return open !== undefined && this.#lease(open.instance) !== undefined ? open : undefined;
  }

  #isOpen(record: DeviceRecord): boolean {
    return this.#open(record) !== undefined;
  }

  #lease(instance: InstanceId): Lease | undefined {
    const lease = this.#leases.get(instance);
    if (lease === undefined || lease.until > this.#times.monotonic()) return lease;
    this.#leases.delete(instance);
    return undefined;
  }

  #get(userId: UserId): readonly DeviceRecord[] {
    return devicesOf(this.#ledger.get(sessionKey(userId)));
  }

  #committed(userId: UserId): readonly DeviceRecord[] {
    return devicesOf(this.#ledger.committed(sessionKey(userId)));
  }

  #put(userId: UserId, records: readonly DeviceRecord[], ...changed: readonly DeviceRecord[]): void {
    this.#ledger.put(sessionKey(userId), withRecords(records, ...changed));
  }
}

/** When the life of one of its secrets began [ms]. */
function lifeOf(record: DeviceRecord, secretHash: string, now: number): number {
  const { createdAt, olderCreatedAt } = livesOf(record, now);
  return record.secretHash === secretHash ? createdAt : olderCreatedAt;
}

/**
 * Whether the device id stands for several installations. Its second login is refused under `devices`, as
 * under `reject`.
 */
const isShared = (device: DeviceId): boolean => device === CIM_DEVICE || device === DEFAULT_DEVICE;
