/**
 * The life of this process as an im-server: an instance id with a lease in the store. The server serves while
 * the lease is certain, and stops before it can lapse. When the store answers again, the server starts a new
 * life and takes its sessions along, so that an outage of the store ends no session.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CloseReason, InstanceId } from '@cim/protocol';
import { inSlices, type LeaseRenewal, type Logger } from '@cim/runtime';
import { LEASE_MS, type Sessions } from '@cim/store';
import type { Session } from '../sessions/session.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import { standingOf } from './standing.ts';

/**
 * The server stops serving this long before its lease can lapse, since the process may pause in between [ms].
 */
const MARGIN_MS = 5_000;
const RECLAIM_BATCH = 500;
const RETRY_MS = 1_000;

export interface InstanceParts {
  readonly sessions: Pick<
    Sessions,
    'openLease' | 'renewLease' | 'closeLease' | 'reclaim' | 'release' | 'epochs'
  >;
  readonly registry: SessionRegistry;
  readonly logger: Logger;
  /** Called when a new life has begun, to list it. */
  readonly onRenamed: (instance: InstanceId) => void;
  /** Called when the server serves again after a time without a lease, to look at the logs. */
  readonly onServing: () => void;
  /** Called when the store was asked to renew the lease. */
  readonly onRenewal?: (outcome: LeaseRenewal) => void;
  /** The time of a monotonic clock [ms]. */
  readonly now?: () => number;
  readonly leaseMs?: number;
  /** Time between two attempts to take the first lease [ms]. */
  readonly retryMs?: number;
}

const newInstanceId = (): InstanceId => randomBytes(12).toString('base64url') as InstanceId;

export class Instance {
  readonly #parts: InstanceParts;
  readonly #now: () => number;
  readonly #leaseMs: number;
  readonly #retryMs: number;
  #id: InstanceId = newInstanceId();
  /** The lease has certainly not lapsed before this time. */
  #certainUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: InstanceParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => performance.now());
    this.#leaseMs = parts.leaseMs ?? LEASE_MS;
    this.#retryMs = parts.retryMs ?? RETRY_MS;
  }

  get id(): InstanceId {
    return this.#id;
  }

  /** Whether the server may take sends and deliver entries. */
  get serving(): boolean {
    return !this.#stopped && this.#now() < this.#certainUntil;
  }

  /** How long the lease is certain from now on [ms]. */
  get certainForMs(): number {
    return this.#stopped ? 0 : Math.max(0, this.#certainUntil - this.#now());
  }

  /**
   * Takes the first lease. While the store does not answer, it logs one line and keeps trying.
   * @throws when `stopping` is aborted meanwhile
   */
  async start(stopping?: AbortSignal): Promise<void> {
    for (let failures = 0; ; failures++) {
      const asked = this.#now();
      try {
        await this.#parts.sessions.openLease(this.#id);
        this.#certainUntil = asked + this.#leaseMs - MARGIN_MS;
        break;
      } catch (error) {
        if (failures === 0) this.#parts.logger.warn({ err: error }, 'lease.not-opened');
        // The store may have taken the id although its answer was lost. It would refuse the same id.
        this.#id = newInstanceId();
        await sleep(this.#retryMs, undefined, stopping === undefined ? {} : { signal: stopping });
      }
    }
    this.#timer = setInterval(() => void this.renew(), this.#leaseMs / 3);
  }

  /** Renews the lease. A timer calls it, every third of the lease's length. Never throws. */
  renew(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    // Waits, since a new life that is just beginning would leave its lease behind.
    await this.#renewing;
    try {
      await this.#parts.sessions.closeLease(this.#id);
    } catch (error) {
      this.#parts.logger.warn({ err: error }, 'lease.not-closed');
    }
  }

  async #renew(): Promise<void> {
    try {
      const asked = this.#now();
      if (await this.#parts.sessions.renewLease(this.#id)) {
        const suspended = !this.serving;
        this.#certainUntil = asked + this.#leaseMs - MARGIN_MS;
        this.#parts.onRenewal?.('renewed');
        if (suspended) this.#parts.onServing();
      } else {
        await this.#beginAnew();
        this.#parts.onRenewal?.('anew');
      }
    } catch (error) {
      this.#parts.onRenewal?.('failed');
      this.#parts.logger.warn({ err: error, serving: this.serving }, 'lease.renewal-failed');
      // Tries again sooner than at the next regular turn: without a lease the server does not serve.
      if (!this.serving) setTimeout(() => void this.renew(), 1_000).unref();
    }
  }

  async #beginAnew(): Promise<void> {
    const { sessions, registry, logger } = this.#parts;
    const id = newInstanceId();
    const asked = this.#now();
    await sessions.openLease(id);
    const became = new Map<Session, 'current' | CloseReason>();
    // Repeats until no session is left: a login claimed under the old id may come in while others are moved.
    for (;;) {
      const left = [...registry.all()].filter((session) => !became.has(session));
      if (left.length === 0) break;
      for (let i = 0; i < left.length; i += RECLAIM_BATCH) {
        const batch = left.slice(i, i + RECLAIM_BATCH);
        const answers = await sessions.reclaim(batch, id);
        const refused = batch.filter((_, k) => answers[k] !== true);
        const now = await sessions.epochs(refused);
        for (const session of batch) became.set(session, 'current');
        for (const [k, session] of refused.entries()) {
          const current = now[k];
          if (current !== undefined) became.set(session, standingOf(session.epoch, current));
        }
      }
    }
    const before = this.#id;
    this.#id = id;
    this.#certainUntil = asked + this.#leaseMs - MARGIN_MS;
    await inSlices(became, ([session, standing]) => {
      if (standing !== 'current') session.close(standing);
      // The session ended while it was moved, and was released under the old instance id only.
      else if (!registry.has(session)) this.#release(session, id);
    });
    logger.warn({ before, instance: id, sessions: became.size }, 'lease.begun-anew');
    this.#parts.onRenamed(id);
    this.#parts.onServing();
  }

  #release(session: Session, id: InstanceId): void {
    const { userId, device, epoch } = session;
    this.#parts.sessions.release(session, epoch, id).catch((error: unknown) => {
      this.#parts.logger.warn({ err: error, userId, device, epoch }, 'session.not-released');
    });
  }
}
