import { type Logger, Slice } from '@cim/runtime';
import type { StreamLimits } from '../streams.ts';
import { clearDisbanded } from './groups.ts';
import { allStreams, expiriesBefore, type Key, keyedOfExpiry } from './keys.ts';
import type { Ledger } from './ledger.ts';
import type { StreamRecord } from './records.ts';
import { trimmed, writeTrim } from './retention.ts';

const EVERY_MS = 60_000;
/** Rows of one read. */
const PAGE = 1_000;
const PAGE_BYTES = 1024 * 1024;
/** Most entries of one stream that one step removes. Between two steps the event loop does other work. */
const TRIM_ENTRIES = 1_000;
const TRIM_STEP = 50;

/**
 * Forgets data in the background and in slices: keyed sends after their time, members of disbanded groups,
 * and old entries of streams that nobody writes to (appends trim the others).
 */
export class Sweeper {
  readonly #ledger: Ledger;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #limits: StreamLimits;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #stopped = false;
  /** The stream that the next round begins with. */
  #from: string = allStreams.gte;

  constructor(ledger: Ledger, logger: Logger, now: () => number, limits: StreamLimits) {
    this.#ledger = ledger;
    this.#logger = logger;
    this.#now = now;
    this.#limits = limits;
  }

  start(): void {
    this.#timer = setInterval(() => void this.sweep(), EVERY_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#round;
  }

  /** Runs one round, or joins the one under way. Never throws: a later round does what failed. */
  sweep(): Promise<void> {
    this.#round ??= this.#sweep()
      .catch((error: unknown) => {
        this.#logger.warn({ err: error }, 'store.sweep-failed');
      })
      .finally(() => {
        this.#round = undefined;
      });
    return this.#round;
  }

  async #sweep(): Promise<void> {
    while (!this.#stopped && (await this.#forgetKeyed()));
    await clearDisbanded(this.#ledger, () => this.#stopped);
    await this.#trimStreams();
  }

  /** Answers true when there may be more. */
  async #forgetKeyed(): Promise<boolean> {
    const now = this.#now();
    const expiries = await this.#ledger.rows(expiriesBefore(now), PAGE, PAGE_BYTES);
    const slice = new Slice();
    for (const [expiry] of expiries) {
      const key = keyedOfExpiry(expiry);
      // The key may have been used again since.
      if ((this.#ledger.get(key)?.until ?? 0) <= now) this.#ledger.put(key, undefined);
      this.#ledger.deleteRow(expiry);
      if (slice.over) {
        await this.#ledger.commit();
        await slice.next();
      }
    }
    await this.#ledger.commit();
    return expiries.length > 0;
  }

  async #trimStreams(): Promise<void> {
    const range = { gte: this.#from, lt: allStreams.lt };
    const streams = await this.#ledger.rows(range, PAGE, PAGE_BYTES);
    const last = streams.at(-1)?.[0];
    this.#from = last === undefined ? allStreams.gte : `${last}!`;
    const slice = new Slice();
    for (const [key] of streams) {
      let more = true;
      for (let steps = TRIM_ENTRIES / TRIM_STEP; more && steps > 0 && !this.#stopped; steps--) {
        more = this.#trim(key as Key<StreamRecord>);
        if (!slice.over) continue;
        await this.#ledger.commit();
        await slice.next();
      }
    }
    await this.#ledger.commit();
  }

  /** Trims one step. Answers true when there may be more to trim. */
  #trim(key: Key<StreamRecord>): boolean {
    const before = this.#ledger.get(key);
    if (before === undefined) return false;
    const request = { now: this.#now(), steps: TRIM_STEP, coming: 0, limits: this.#limits };
    const after = trimmed(this.#ledger, before, request);
    writeTrim(this.#ledger, before, after);
    return after.first - before.first === TRIM_STEP;
  }
}
