import type { Epoch, InstanceId, NamedUser, UserId } from '@cim/protocol';
import type {
  ClaimAnswer,
  CurrentSession,
  IssueAnswer,
  Session,
  SessionAt,
  Sessions,
  UserDevice,
} from '../sessions.ts';
import { accountKey, sessionKey } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { promised } from './promised.ts';
import type { SessionRecord } from './records.ts';

/** How many secrets of logins that nobody claimed count, with the one claimed last. */
const SECRETS = 8;

interface Lease {
  /** ms, of `SessionTimes.monotonic`. */
  until: number;
  /** Key: user. Who is live here; removed by release, or with the lease. */
  readonly online: Map<UserId, string>;
}

export interface SessionTimes {
  readonly leaseMs: number;
  readonly issuedMs: number;
  /** ms since 1970, for what is on disk. It may go back. */
  readonly now: () => number;
  /** ms, never goes back: leases are in memory. */
  readonly monotonic: () => number;
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
    const { user, device, label, instance, policy, secretHash } = request;
    const current = this.#get(user.userId);
    const stillCounts =
      request.policy === 'replace'
        ? secretsOf(current).includes(request.shownHash)
        : this.#ledger.get(accountKey(user.userId))?.passwordHash === request.passwordHash;
    if (!stillCounts) return { outcome: 'stale' };
    const previous = this.#open(current);
    if ((previous !== undefined || this.#waits(current)) && policy === 'reject')
      return { outcome: 'repeat', live: [previous ?? []].flat() };
    const epoch = ((current?.epoch ?? 0) + 1) as Epoch;
    this.#put(user.userId, {
      userName: user.userName,
      device,
      label,
      seenAt: this.#times.now(),
      epoch,
      state: 'issued',
      instance,
      secretHash,
      olderHashes: olderThanNext(current),
      until: this.#times.now() + this.#times.issuedMs,
      claim: '',
      ...(previous === undefined ? {} : { previous }),
    });
    await this.#ledger.commit();
    return { outcome: 'issued', epoch };
  }

  async claim(request: Parameters<Sessions['claim']>[0]): Promise<ClaimAnswer> {
    const { userId, instance, epoch, userName, claim } = request;
    const current = this.#get(userId);
    if (current === undefined || this.#lease(instance) === undefined) return { outcome: 'refused' };
    if (current.instance !== instance) return { outcome: 'refused' };
    // A login that was issued with a secret is not redeemed by a name.
    const named = current.userName === userName && current.secretHash === '';
    if (epoch === undefined ? !named : current.epoch !== epoch) return { outcome: 'refused' };
    const again = current.state === 'live' && current.claim === claim;
    const fresh = this.#waits(current);
    if (!again && !fresh) return { outcome: 'refused' };
    if (fresh) this.#put(userId, { ...current, state: 'live', claim, olderHashes: [] });
    await this.#ledger.commit();
    this.#appear(userId, current.epoch, instance);
    const { previous } = current;
    return {
      outcome: 'claimed',
      epoch: current.epoch,
      userName: current.userName,
      device: current.device,
      label: current.label,
      previous: [previous ?? []].flat(),
      others: [],
    };
  }

  async reclaim(
    sessions: readonly (NamedUser & UserDevice & { readonly epoch: Epoch })[],
    to: InstanceId,
  ): Promise<boolean[]> {
    const leased = this.#lease(to) !== undefined;
    const kept = sessions.map(({ userId, epoch }) => {
      const current = this.#get(userId);
      const open = openOf(current);
      if (!leased || current === undefined || open?.epoch !== epoch) return false;
      if (open.instance !== to)
        this.#put(
          userId,
          current.state === 'live'
            ? { ...current, instance: to }
            : { ...current, previous: { ...open, instance: to } },
        );
      return true;
    });
    await this.#ledger.commit();
    for (const { userId, epoch } of sessions) this.#appear(userId, epoch, to);
    return kept;
  }

  async release({ userId }: UserDevice, epoch: Epoch, instance: InstanceId): Promise<void> {
    const current = this.#get(userId);
    const open = openOf(current);
    const newerHere = open !== undefined && open.epoch > epoch && open.instance === instance;
    if (!newerHere) this.#leases.get(instance)?.online.delete(userId);
    if (current?.epoch === epoch && current.state !== 'ended')
      this.#put(userId, { ...current, state: 'ended' });
    if (current?.state === 'issued' && current.previous?.epoch === epoch)
      this.#put(userId, { ...current, previous: undefined });
    await this.#ledger.commit();
  }

  async end(userId: UserId, which?: Parameters<Sessions['end']>[1]): Promise<SessionAt[]> {
    const current = this.#get(userId);
    if (current === undefined) return [];
    if (which !== undefined && 'device' in which && which.device !== current.device) return [];
    const secretHash = which !== undefined && 'secretHash' in which ? which.secretHash : undefined;
    const open = openOf(current);
    const { epoch, instance, state } = current;
    if (secretHash !== undefined && secretHash !== current.secretHash) {
      const older = current.olderHashes ?? [];
      const found = older.indexOf(secretHash);
      if (found < 0) return [];
      this.#put(userId, { ...current, olderHashes: older.slice(0, found), previous: undefined });
      if (open !== undefined) this.#leases.get(open.instance)?.online.delete(userId);
      await this.#ledger.commit();
      return [open ?? []].flat();
    }
    const ended = { secretHash: '', olderHashes: [], claim: '', previous: undefined } as const;
    // Who has only a name keeps its epoch: a CIM client acks by what the kernel took, and logs out right behind it.
    const named = current.secretHash === '' && (current.olderHashes ?? []).length === 0;
    this.#put(userId, { ...current, ...ended, epoch: (named ? epoch : epoch + 1) as Epoch, state: 'ended' });
    for (const at of [instance, open?.instance ?? instance]) this.#leases.get(at)?.online.delete(userId);
    await this.#ledger.commit();
    return state === 'ended' ? [] : [open ?? { device: current.device, instance, epoch }];
  }

  find(userId: UserId): Promise<Session[]> {
    return promised(() => {
      const current = this.#committed(userId);
      if (current === undefined) return [];
      const { userName, device, label, seenAt, epoch, state, instance } = current;
      const session = {
        userId,
        device,
        label,
        seenAt,
        userName,
        epoch,
        state,
        instance,
        secretHashes: [current.secretHash, ...(current.olderHashes ?? [])],
      };
      return [session];
    });
  }

  locate(userId: UserId): Promise<SessionAt[]> {
    return promised(() => [this.#open(this.#committed(userId)) ?? []].flat());
  }

  epochs(of: readonly UserDevice[]): Promise<CurrentSession[]> {
    return promised(() =>
      of.map(({ userId }) => {
        const current = this.#committed(userId);
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
    const online = this.#lease(instance)?.online ?? new Map<UserId, string>();
    return Promise.resolve([...online].map(([userId, userName]) => ({ userId, userName })));
  }

  /** Into the online set, once the session is on disk and if nothing has ended or replaced it since. */
  #appear(userId: UserId, epoch: Epoch, instance: InstanceId): void {
    const current = this.#get(userId);
    const open = openOf(current);
    if (current !== undefined && open?.epoch === epoch && open.instance === instance)
      this.#lease(instance)?.online.set(userId, current.userName);
  }

  /**
   * Whether a login still waits for its claim, and stands in the way of another. Not when it would wait half as long again
   * as a login is issued for: the clock has gone back since, and nobody is locked out until it has caught up.
   */
  #waits(record: SessionRecord | undefined): boolean {
    const left = record?.state === 'issued' ? record.until - this.#times.now() : 0;
    return left > 0 && left <= this.#times.issuedMs * 1.5;
  }

  /** Where the user is live, on an instance whose lease lives. */
  #open(record: SessionRecord | undefined): SessionAt | undefined {
    const open = openOf(record);
    return open !== undefined && this.#lease(open.instance) !== undefined ? open : undefined;
  }

  #lease(instance: InstanceId): Lease | undefined {
    const lease = this.#leases.get(instance);
    if (lease === undefined || lease.until > this.#times.monotonic()) return lease;
    this.#leases.delete(instance);
    return undefined;
  }

  #get(userId: UserId): SessionRecord | undefined {
    return this.#ledger.get(sessionKey(userId));
  }

  #committed(userId: UserId): SessionRecord | undefined {
    return this.#ledger.committed(sessionKey(userId));
  }

  #put(userId: UserId, record: SessionRecord): void {
    this.#ledger.put(sessionKey(userId), record);
  }
}

/** Whose channel is open, leases not looked at: the live session, or the one before an unclaimed login. */
export function openOf(record: SessionRecord | undefined): SessionAt | undefined {
  if (record?.state === 'live')
    return { device: record.device, instance: record.instance, epoch: record.epoch };
  return record?.state === 'issued' ? record.previous : undefined;
}

/** The hashes of all secrets that count, newest first. */
function secretsOf(record: SessionRecord | undefined): readonly string[] {
  if (record === undefined) return [];
  const older = record.olderHashes ?? [];
  return record.secretHash === '' ? older : [record.secretHash, ...older];
}

/** The last is the oldest, and the one that was claimed. */
function olderThanNext(current: SessionRecord | undefined): readonly string[] {
  const secrets = secretsOf(current);
  return secrets.length < SECRETS ? secrets : [...secrets.slice(0, SECRETS - 2), ...secrets.slice(-1)];
}
