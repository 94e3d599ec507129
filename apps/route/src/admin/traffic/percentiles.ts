/** Percentiles of durations that were counted in buckets [ms]. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/**
 * Within a bucket durations count as spread evenly, as Prometheus takes them. Undefined: nothing was counted.
 * @param counts by bucket; the last is for what is longer than the last limit, and counts as that limit
 * @param limits upper limits of the buckets, ascending [s]
 */
export function percentilesOf(counts: readonly number[], limits: readonly number[]): Percentiles | undefined {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return undefined;
  const at = (share: number): number => {
    const rank = share * all;
    let below = 0;
    for (const [i, limit] of limits.entries()) {
      const count = counts[i] ?? 0;
      const from = limits[i - 1] ?? 0;
      if (count > 0 && below + count >= rank)
        return 1_000 * (from + ((limit - from) * (rank - below)) / count);
      below += count;
    }
    return 1_000 * (limits.at(-1) ?? 0);
  };
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
