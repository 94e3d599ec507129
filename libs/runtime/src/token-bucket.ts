import { LRUCache } from 'lru-cache';

/** A rate: `tokens` are added every `intervalMs`, up to `burst` at once. */
export interface Rate {
  readonly tokens: number;
  readonly intervalMs: number;
  readonly burst: number;
}

/**
 * Takes tokens from a bucket if it has them. A bucket is one number: the time at which it will be full. A
 * bucket that was never used is full, so none has to be made.
 * @param fullAt [ms]; 0: never used
 * @param cost 0 asks whether there is a token and takes none. A cost above the burst empties a full bucket
 */
export function takeFrom(
  fullAt: number,
  { tokens, intervalMs, burst }: Rate,
  cost: number,
  now: number,
): { readonly fullAt: number; readonly afterMs: number } {
  const everyMs = intervalMs / tokens;
  const from = Math.max(fullAt, now);
  const needed = Math.min(Math.max(cost, 1), burst) * everyMs;
  const afterMs = from + needed - now - burst * everyMs;
  // A difference below 1 µs is an error of floating point.
  if (afterMs > 0.001) return { fullAt, afterMs: Math.ceil(afterMs) };
  return { fullAt: cost === 0 ? fullAt : from + needed, afterMs: 0 };
}

/** One bucket in memory, of a connection for example. */
export class TokenBucket {
  readonly #everyMs: number;
  readonly #burst: number;
  #fullAt = 0;

  /** @param rate undefined: no limit */
  constructor(rate: Rate | undefined) {
    this.#everyMs = rate === undefined ? 0 : rate.intervalMs / rate.tokens;
    this.#burst = rate?.burst ?? 0;
  }

  /**
   * Takes tokens. @returns 0 when they were taken, else in how many ms they will be there @param now ms of
   * any clock that never goes back
   */
  take(cost: number, now: number): number {
    // The same as `takeFrom` without making an object: this runs for each message.
    const fullAt = Math.max(this.#fullAt, now) + Math.min(cost, this.#burst) * this.#everyMs;
    const afterMs = fullAt - now - this.#burst * this.#everyMs;
    if (afterMs > 0.001) return Math.ceil(afterMs);
    this.#fullAt = fullAt;
    return 0;
  }
}

/** Most addresses, users or pairs that are remembered at once. Above that the one idle longest is forgotten. */
const KEYS = 50_000;

/** Buckets in memory by key. The number of buckets it holds is bounded. */
export class TokenBuckets {
  readonly #rate: Rate | undefined;
  readonly #now: () => number;
  /** Key: chosen by callers. Value: when the bucket will be full. Removed by the bound `KEYS`. */
  readonly #fullAt: LRUCache<string, number>;

  constructor(rate: Rate | undefined, now: () => number = () => performance.now(), keys = KEYS) {
    this.#rate = rate;
    this.#now = now;
    this.#fullAt = new LRUCache({ max: keys });
  }

  /** Takes tokens of the key's bucket. @returns as `TokenBucket.take` */
  take(key: string, cost = 1): number {
    if (this.#rate === undefined) return 0;
    const { fullAt, afterMs } = takeFrom(this.#fullAt.get(key) ?? 0, this.#rate, cost, this.#now());
    if (fullAt > 0) this.#fullAt.set(key, fullAt);
    return afterMs;
  }

  /** Number of remembered keys. */
  get size(): number {
    return this.#fullAt.size;
  }
}
