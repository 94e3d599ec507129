/** Who is suspended, as one process knows it: each request, connection and login asks here, and nothing waits for the store. */
import type { Logger, Rate } from '@cim/runtime';
import { auditLogger, RareWarning, TokenBuckets } from '@cim/runtime';
import type { Ban, Bans, Subject } from '@cim/store';
import { LRUCache } from 'lru-cache';

/** A process asks the store for all bans so often [ms]. Who is banned is told by a call at once, which may be lost. */
const POLL_MS = 2_000;
/** The store is told at most so often that one subject has asked while it is suspended [ms]. */
const ASKED_MS = 1_000;

export interface SuspensionsParts {
  readonly bans: Bans;
  /** Offences that are forgiven; what comes above them suspends. */
  readonly offences: Rate | undefined;
  /** Tells all im-servers at once. */
  readonly tell: (subject: Subject, leftMs: number) => void;
  readonly logger: Logger;
  readonly now?: () => number;
}

export class Suspensions {
  readonly #parts: SuspensionsParts;
  readonly #now: () => number;
  /** Key: subject. Until when, of `now`. All that the store has; one that has ended leaves with the next poll. */
  #until = new Map<Subject, number>();
  readonly #offences: TokenBuckets;
  /** Key: subject that has asked lately. */
  readonly #asked = new LRUCache<Subject, true>({ max: 10_000, ttl: ASKED_MS });
  readonly #failed: RareWarning;
  readonly #audit: Logger;
  readonly #listeners: ((subject: Subject, leftMs: number) => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  /** Told by calls while a poll was under way, whose answer may be older. */
  #polling: Set<Subject> | undefined;

  constructor(parts: SuspensionsParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => performance.now());
    this.#offences = new TokenBuckets(parts.offences, this.#now);
    this.#failed = new RareWarning(parts.logger, 'bans.failed');
    // An act that shuts somebody out is logged whatever the log level is.
    this.#audit = auditLogger(parts.logger);
  }

  /** Idempotent: the servers of one process share it. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#poll();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  /** Called when a subject is found to be suspended that was not, or for longer: its connections are to be closed. */
  onSuspended(listener: (subject: Subject, leftMs: number) => void): void {
    this.#listeners.push(listener);
  }

  /** For how many ms the subject is suspended still; 0: it is not. */
  leftMs(subject: Subject): number {
    if (this.#until.size === 0) return 0;
    return Math.max(0, (this.#until.get(subject) ?? 0) - this.#now());
  }

  /** As `leftMs`; a suspended subject that asks is suspended for longer. */
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

  /** The subject has passed a limit. @param what in words: of a limit */
  offence(subject: Subject, what: string): void {
    if (this.#parts.offences === undefined || this.#offences.take(subject) === 0) return;
    this.suspend(subject, what);
  }

  /** The subject has done what is no accident. */
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

  /** A ban was made or ended (0) here: all im-servers are told. */
  announce(subject: Subject, leftMs: number): void {
    this.learn(subject, leftMs);
    this.#parts.tell(subject, leftMs);
  }

  /** What a call, or the store, has said of a subject. */
  learn(subject: Subject, leftMs: number): void {
    this.#polling?.add(subject);
    this.#set(subject, leftMs);
  }

  async #poll(): Promise<void> {
    await this.poll();
    if (this.#running) this.#timer = setTimeout(() => void this.#poll(), POLL_MS).unref();
  }

  /** Asks the store for all. */
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
