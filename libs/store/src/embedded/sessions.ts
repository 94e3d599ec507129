import type { Epoch, InstanceId, NamedUser, UserId } from '@cim/protocol';
import type { ClaimAnswer, IssueAnswer, Session, SessionAt, Sessions } from '../sessions.ts';
import { key } from './keys.ts';
import type { Ledger } from './ledger.ts';

interface Stored extends Readonly<Record<string, unknown>> {
  readonly userName: string;
  readonly epoch: Epoch;
  readonly state: Session['state'];
  readonly instance: InstanceId;
  readonly secretHash: string;
  /** While `issued`: until when, in ms. */
  readonly until: number;
  /** While `live`: the attempt that claimed it. */
  readonly claim: string;
  /** The live session that the issued one is to replace. */
  readonly previous?: SessionAt;
}

interface Lease {
  until: number;
  /** Key: user. Who is live here; removed by release, or with the lease. */
  readonly online: Map<UserId, string>;
}

export interface SessionTimes {
  readonly leaseMs: number;
  readonly issuedMs: number;
  readonly now: () => number;
}

/** Leases and online sets live in memory: whoever opens the folder is the only process, and all before it are gone. */
export class EmbeddedSessions implements Sessions {
  readonly #ledger: Ledger;
  readonly #times: SessionTimes;
  /** Key: instance. Removed by `closeLease` or when found lapsed. */
  readonly #leases = new Map<InstanceId, Lease>();

  constructor(ledger: Ledger, times: SessionTimes) {
    this.#ledger = ledger;
    this.#times = times;
  }

  async issue(request: Parameters<Sessions['issue']>[0]): Promise<IssueAnswer> {
    const { user, instance, policy, secretHash } = request;
    const now = this.#times.now();
    const current = this.#get(user.userId);
    const live = current?.state === 'live' && this.#lease(current.instance) !== undefined;
    const issued = current?.state === 'issued' && current.until > now;
    if ((live || issued) && policy === 'reject') return { outcome: 'repeat' };
    const epoch = ((current?.epoch ?? 0) + 1) as Epoch;
    const previous =
      current === undefined
        ? undefined
        : live
          ? { instance: current.instance, epoch: current.epoch }
          : current.state === 'issued'
            ? current.previous
            : undefined;
    this.#put(user.userId, {
      userName: user.userName,
      epoch,
      state: 'issued',
      instance,
      secretHash,
      until: now + this.#times.issuedMs,
      claim: '',
      ...(previous === undefined ? {} : { previous }),
    });
    await this.#ledger.commit();
    return { outcome: 'issued', epoch };
  }

  async claim(request: Parameters<Sessions['claim']>[0]): Promise<ClaimAnswer> {
    const { userId, instance, epoch, userName, claim } = request;
    const current = this.#get(userId);
    const lease = this.#lease(instance);
    if (current === undefined || lease === undefined || current.instance !== instance) return { outcome: 'refused' };
    if (epoch === undefined ? current.userName !== userName : current.epoch !== epoch) return { outcome: 'refused' };
    const again = current.state === 'live' && current.claim === claim;
    const fresh = current.state === 'issued' && current.until > this.#times.now();
    if (!again && !fresh) return { outcome: 'refused' };
    this.#put(userId, { ...current, state: 'live', claim });
    lease.online.set(userId, current.userName);
    await this.#ledger.commit();
    const { previous } = current;
    return {
      outcome: 'claimed',
      epoch: current.epoch,
      userName: current.userName,
      ...(previous === undefined ? {} : { previous }),
    };
  }

  async reclaim(sessions: readonly (NamedUser & { readonly epoch: Epoch })[], to: InstanceId): Promise<boolean[]> {
    const lease = this.#lease(to);
    const kept = sessions.map(({ userId, epoch }) => {
      const current = this.#get(userId);
      if (lease === undefined || current?.state !== 'live' || current.epoch !== epoch) return false;
      this.#put(userId, { ...current, instance: to });
      lease.online.set(userId, current.userName);
      return true;
    });
    await this.#ledger.commit();
    return kept;
  }

  async release(userId: UserId, epoch: Epoch, instance: InstanceId): Promise<void> {
    const current = this.#get(userId);
    const newerHere = current?.state === 'live' && current.epoch > epoch && current.instance === instance;
    if (!newerHere) this.#leases.get(instance)?.online.delete(userId);
    if (current === undefined || current.epoch !== epoch || current.state === 'ended') return;
    this.#put(userId, { ...current, state: 'ended' });
    await this.#ledger.commit();
  }

  async end(userId: UserId): Promise<SessionAt | undefined> {
    const current = this.#get(userId);
    if (current === undefined || current.state === 'ended') return undefined;
    this.#put(userId, { ...current, state: 'ended' });
    this.#leases.get(current.instance)?.online.delete(userId);
    await this.#ledger.commit();
    return { instance: current.instance, epoch: current.epoch };
  }

  find(userId: UserId): Promise<Session | undefined> {
    const current = this.#get(userId);
    if (current === undefined) return Promise.resolve(undefined);
    const { userName, epoch, state, instance, secretHash } = current;
    return Promise.resolve({ userId, userName, epoch, state, instance, secretHash });
  }

  locate(userId: UserId): Promise<SessionAt | undefined> {
    const current = this.#get(userId);
    const live = current?.state === 'live' && this.#lease(current.instance) !== undefined;
    return Promise.resolve(live ? { instance: current.instance, epoch: current.epoch } : undefined);
  }

  epochs(userIds: readonly UserId[]): Promise<Epoch[]> {
    return Promise.resolve(userIds.map((id) => this.#get(id)?.epoch ?? (0 as Epoch)));
  }

  openLease(instance: InstanceId): Promise<void> {
    if (this.#lease(instance) !== undefined) return Promise.reject(new Error(`the instance id ${instance} is taken`));
    this.#leases.set(instance, { until: this.#times.now() + this.#times.leaseMs, online: new Map() });
    return Promise.resolve();
  }

  renewLease(instance: InstanceId): Promise<boolean> {
    const lease = this.#lease(instance);
    if (lease !== undefined) lease.until = this.#times.now() + this.#times.leaseMs;
    return Promise.resolve(lease !== undefined);
  }

  closeLease(instance: InstanceId): Promise<void> {
    this.#leases.delete(instance);
    return Promise.resolve();
  }

  online(instance: InstanceId): Promise<NamedUser[]> {
    const online = this.#lease(instance)?.online ?? new Map<UserId, string>();
    return Promise.resolve([...online].map(([userId, userName]) => ({ userId, userName })));
  }

  #lease(instance: InstanceId): Lease | undefined {
    const lease = this.#leases.get(instance);
    if (lease === undefined || lease.until > this.#times.now()) return lease;
    this.#leases.delete(instance);
    return undefined;
  }

  #get(userId: UserId): Stored | undefined {
    return this.#ledger.get<Stored>(key.session(userId));
  }

  #put(userId: UserId, stored: Stored): void {
    this.#ledger.put(key.session(userId), stored);
  }
}
