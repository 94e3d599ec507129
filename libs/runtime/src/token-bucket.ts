import { LRUCache } from 'lru-cache';

/** `tokens` come in every `intervalMs`; at most `burst` are there at once. */
export interface Rate {
  readonly tokens: number;
  readonly intervalMs: number;
  readonly burst: number;
}

/**
 * Whether a bucket has what is asked for. A bucket is one number: the time at which it will be full. A bucket that was never
 * used is full, so that none has to be made.
 * @param fullAt [ms]; 0: never used
 * @param cost 0 asks whether there is a token, and takes none. A cost above the burst empties a full bucket
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
  // Less than a µs is an error of floating point.
  if (afterMs > 0.001) return { fullAt, afterMs: Math.ceil(afterMs) };
  return { fullAt: cost === 0 ? fullAt : from + needed, afterMs: 0 };
}

/** A bucket in memory, of one connection for instance. */
export class TokenBucket {
  readonly #everyMs: number;
  readonly #burst: number;
  #fullAt = 0;

  /** @param rate undefined: no limit */
  constructor(rate: Rate | undefined) {
    this.#everyMs = rate === undefined ? 0 : rate.intervalMs / rate.tokens;
    this.#burst = rate?.burst ?? 0;
  }

  /** @returns 0: taken; else after how many ms there will be so much. @param now ms, of any clock that never goes back */
  take(cost: number, now: number): number {
    // As `takeFrom`, which makes an object: this is asked for each message.
    const fullAt = Math.max(this.#fullAt, now) + Math.min(cost, this.#burst) * this.#everyMs;
    const afterMs = fullAt - now - this.#burst * this.#everyMs;
    if (afterMs > 0.001) return Math.ceil(afterMs);
    this.#fullAt = fullAt;
    return 0;
  }
}

/** Addresses, users or pairs that are remembered at once; above that the one that was idle longest is forgotten. */
const KEYS = 50_000;

/** Buckets by key, in memory. However many keys there are, it holds a bounded number of them. */
export class TokenBuckets {
  readonly #rate: Rate | undefined;
  readonly #now: () => number;
  /** Key: as callers name them. When the bucket will be full. */
  readonly #fullAt: LRUCache<string, number>;

  constructor(rate: Rate | undefined, now: () => number = () => performance.now(), keys = KEYS) {
    this.#rate = rate;
    this.#now = now;
    this.#fullAt = new LRUCache({ max: keys });
  }

  /** @returns as `TokenBucket.take` */
  take(key: string, cost = 1): number {
    if (this.#rate === undefined) return 0;
    const { fullAt, afterMs } = takeFrom(this.#fullAt.get(key) ?? 0, this.#rate, cost, this.#now());
    if (fullAt > 0) this.#fullAt.set(key, fullAt);
    return afterMs;
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#fullAt.size;
  }
}
