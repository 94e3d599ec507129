/**
 * The suspended users and addresses as one process knows them. Each request, connection and login asks here
 * and never waits for the store.
 */
import type { Logger, Rate } from '@cim/runtime';
import { auditLogger, RareWarning, TokenBuckets } from '@cim/runtime';
import type { Ban, Bans, Subject } from '@cim/store';
import { LRUCache } from 'lru-cache';

/** Time between two polls of the store for all bans [ms]. A call tells of a ban at once, but may be lost. */
const POLL_MS = 2_000;
/** Shortest time between two reports to the store that one suspended subject has asked [ms]. */
const ASKED_MS = 1_000;

export interface SuspensionsParts {
  readonly bans: Bans;
  /** The rate of offences that is forgiven. A subject above it is suspended. */
  readonly offences: Rate | undefined;
  /** Tells all im-servers at once. */
  readonly tell: (subject: Subject, leftMs: number) => void;
  readonly logger: Logger;
  readonly now?: () => number;
}

export class Suspensions {
  readonly #parts: SuspensionsParts;
  readonly #now: () => number;
  /**
   * Key: subject. Value: when its ban ends [ms of `now`]. Holds all bans in the store; an ended ban is
   * removed by the next poll.
   */
  #until = new Map<Subject, number>();
  readonly #offences: TokenBuckets;
  /** Key: subject that has asked lately. */
  readonly #asked = new LRUCache<Subject, true>({ max: 10_000, ttl: ASKED_MS });
  readonly #failed: RareWarning;
  readonly #audit: Logger;
  readonly #listeners: ((subject: Subject, leftMs: number) => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  /** Subjects of calls that came during a poll. The answer of the poll may be older than these calls. */
  #polling: Set<Subject> | undefined;

  constructor(parts: SuspensionsParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => performance.now());
    this.#offences = new TokenBuckets(parts.offences, this.#now);
    this.#failed = new RareWarning(parts.logger, 'bans.failed');
    // Acts that shut somebody out are logged at every log level.
    this.#audit = auditLogger(parts.logger);
  }

  /** Starts polling. Idempotent: the servers of one process share this object. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#poll();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  /**
   * Calls the listener when a subject is suspended, or for longer than before. The listener closes its
   * connections.
   */
  onSuspended(listener: (subject: Subject, leftMs: number) => void): void {
    this.#listeners.push(listener);
  }

  /** For how many ms the subject is still suspended; 0: it is not suspended. */
  leftMs(subject: Subject): number {
    if (this.#until.size === 0) return 0;
    return Math.max(0, (this.#until.get(subject) ?? 0) - this.#now());
  }

  /** Answers as `leftMs`. A suspended subject that asks is suspended for longer. */
  ask(subject: Subject): number {
    const leftMs = this.leftMs(subject);
    if (leftMs > 0 && !this.#asked.has(subject)) {
      this.#asked.set(subject, true);
      this.#parts.bans
        .asked(subject)
        .then((ban) => ban !== undefined && this.learn(subject, ban.leftMs))
        .catch((error: unknown) => this.#failed.due({ err: error }));
    }
    return leftMs;
  }

  /** Counts an offence: the subject has exceeded a limit. @param what names the limit */
  offence(subject: Subject, what: string): void {
    if (this.#parts.offences === undefined || this.#offences.take(subject) === 0) return;
    this.suspend(subject, what);
  }

  /** Suspends a subject at once, for an act that is no accident. */
  suspend(subject: Subject, what: string): void {
    if (this.#parts.offences === undefined || this.leftMs(subject) > 0) return;
    this.#parts.bans
      .suspend(subject, what)
      .then((ban) => {
        this.#audit.warn(
          { subject, reason: ban.reason, step: ban.step, leftMs: ban.leftMs },
          'ban.suspended',
        );
        this.announce(subject, ban.leftMs);
      })
      .catch((error: unknown) => this.#failed.due({ err: error, subject }));
  }

  /** Tells all im-servers of a ban that was made or ended (0) here. */
  announce(subject: Subject, leftMs: number): void {
    this.learn(subject, leftMs);
    this.#parts.tell(subject, leftMs);
  }

  /** Takes over what a call or the store says about a subject. */
  learn(subject: Subject, leftMs: number): void {
    this.#polling?.add(subject);
    this.#set(subject, leftMs);
  }

  async #poll(): Promise<void> {
    await this.poll();
    if (this.#running) this.#timer = setTimeout(() => void this.#poll(), POLL_MS).unref();
  }

  /** Reads all bans from the store. */
  async poll(): Promise<void> {
    this.#polling = new Set();
    try {
      this.#take(await this.#parts.bans.list());
    } catch (error) {
      this.#failed.due({ err: error, why: 'bans are as they were' });
    }
    this.#polling = undefined;
  }

  #take(bans: readonly Ban[]): void {
    const active = new Set(bans.map(({ subject }) => subject));
    for (const subject of this.#until.keys())
      if (!active.has(subject) && this.#polling?.has(subject) !== true) this.#until.delete(subject);
    for (const { subject, leftMs } of bans)
      if (this.#polling?.has(subject) !== true) this.#set(subject, leftMs);
  }

  #set(subject: Subject, leftMs: number): void {
    const wasActive = this.leftMs(subject) > 0;
    if (leftMs > 0) this.#until.set(subject, this.#now() + leftMs);
    else this.#until.delete(subject);
    if (leftMs > 0 && !wasActive) for (const listener of this.#listeners) listener(subject, leftMs);
  }
}
