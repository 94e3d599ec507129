import type { Logger } from '@cim/runtime';
import { PRODUCER_TURN_MS } from '../streams.ts';
import { allStreams, expiriesBefore, type Key, keyedOfExpiry, producersBefore } from './keys.ts';
import type { Ledger } from './ledger.ts';
import type { StreamRecord } from './records.ts';
import { ackedOf, trimmed, writeTrim } from './retention.ts';

const EVERY_MS = 60_000;
const SLICE = 1_000;
const SLICE_BYTES = 1024 * 1024;
/** Of one stream in one round. */
const TRIM_STEPS = 1_000;

/**
 * Forgets, in the background and in slices, what may be forgotten: keyed sends after their time, producers after two
 * turns, old entries of streams that nobody writes to (appends trim the others).
 */
export class Sweeper {
  readonly #ledger: Ledger;
  readonly #logger: Logger;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #stopped = false;
  /** The stream that the next round begins with. */
  #from: string = allStreams.gte;

  constructor(ledger: Ledger, logger: Logger, now: () => number) {
    this.#ledger = ledger;
    this.#logger = logger;
    this.#now = now;
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

  /** One round; joins the one that is under way. Never throws: what failed is done by a later round. */
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
    const turn = Math.floor(this.#now() / PRODUCER_TURN_MS);
    await this.#ledger.clear(producersBefore(turn - 1));
    await this.#trimStreams();
  }

  /** True when there may be more. */
  async #forgetKeyed(): Promise<boolean> {
    const now = this.#now();
    const expiries = await this.#ledger.rows(expiriesBefore(now), SLICE, SLICE_BYTES);
    for (const [expiry] of expiries) {
      const key = keyedOfExpiry(expiry);
      // The key may have been used again since.
      if ((this.#ledger.get(key)?.until ?? 0) <= now) this.#ledger.put(key, undefined);
      this.#ledger.deleteRow(expiry);
    }
    await this.#ledger.commit();
    return expiries.length > 0;
  }

  async #trimStreams(): Promise<void> {
    const range = { gte: this.#from, lt: allStreams.lt };
    const streams = await this.#ledger.rows(range, SLICE, SLICE_BYTES);
    const last = streams.at(-1)?.[0];
    this.#from = last === undefined ? allStreams.gte : `${last}!`;
    for (const [key] of streams) {
      const state = this.#ledger.get(key as Key<StreamRecord>);
      if (state === undefined) continue;
      const acked = ackedOf(this.#ledger, state);
      writeTrim(
        this.#ledger,
        state,
        trimmed(this.#ledger, state, { acked, now: this.#now(), steps: TRIM_STEPS, coming: 0 }),
      );
    }
    await this.#ledger.commit();
  }
}
