import { takeFrom } from '@cim/runtime';
import { LRUCache } from 'lru-cache';
import type { Limited, Limits, Take } from '../limits.ts';

/** Most remembered buckets. Above that the one idle longest is forgotten. */
const BUCKETS = 100_000;

/** Limits in memory: this is the only process. A restart fills all buckets. */
export class EmbeddedLimits implements Limits {
  readonly #now: () => number;
  /** Key: the limit and its subject. Value: when the bucket will be full. Bounded by size. */
  readonly #fullAt = new LRUCache<string, number>({ max: BUCKETS });

  /** @param now a time that never goes back [ms] */
  constructor(now: () => number) {
    this.#now = now;
  }

  take(takes: readonly Take[]): Promise<Limited | undefined> {
    return Promise.resolve(this.#take(takes));
  }

  #take(takes: readonly Take[]): Limited | undefined {
    const now = this.#now();
    const taken: (readonly [key: string, fullAt: number])[] = [];
    for (const [index, { limit, of, rate, cost }] of takes.entries()) {
      const key = `${limit} ${of}`;
      const { fullAt, afterMs } = takeFrom(this.#fullAt.get(key) ?? 0, rate, cost, now);
      if (afterMs > 0) return { index, afterMs };
      if (cost > 0) taken.push([key, fullAt]);
    }
    for (const [key, fullAt] of taken) this.#fullAt.set(key, fullAt);
    return undefined;
  }
}
