/**
 * Counters and histograms as plain numbers, which Prometheus reads when it asks. `prom-client` makes a text
 * of the labels at each call, which takes about 1 µs. A message is counted several times and takes 13 µs in
 * all.
 */
import type { Metrics } from './metrics.ts';

export interface MetricText {
  readonly name: string;
  readonly help: string;
}

interface Sample {
  readonly labels: Record<string, string | number>;
  readonly value: number;
  readonly metricName?: string;
}

/** Registers a metric with the methods that a registry of `prom-client` calls. */
function register(metrics: Metrics, { name, help }: MetricText, type: string, samples: () => Sample[]): void {
  const metric = {
    name,
    help,
    type,
    aggregator: 'sum',
    get: () => Promise.resolve({ name, help, type, aggregator: 'sum', values: samples() }),
    reset: () => undefined,
  };
  metrics.registerMetric(metric as never);
}

/** A counter with two labels. All known pairs start at 0, so that a rate is right from the first count. */
export class CountTable<A extends string, B extends string> {
  /** First label's value → second's → count. Never removed: both labels have small sets of values. */
  readonly #counts = new Map<A, Map<B, number>>();

  constructor(
    metrics: Metrics,
    text: MetricText,
    labels: readonly [name: string, values: readonly A[], name: string, values: readonly B[]],
  ) {
    const [first, firstValues, second, secondValues] = labels;
    for (const a of firstValues) this.#counts.set(a, new Map(secondValues.map((b) => [b, 0])));
    register(metrics, text, 'counter', () =>
      [...this.#counts].flatMap(([a, counts]) =>
        [...counts].map(([b, value]) => ({ labels: { [first]: a, [second]: b }, value })),
      ),
    );
  }

  add(a: A, b: B, count = 1): void {
    let counts = this.#counts.get(a);
    if (counts === undefined) this.#counts.set(a, (counts = new Map<B, number>()));
    counts.set(b, (counts.get(b) ?? 0) + count);
  }

  /** The sum of all counts with this second label; without it of all. */
  total(b?: B): number {
    let sum = 0;
    for (const counts of this.#counts.values())
      if (b !== undefined) sum += counts.get(b) ?? 0;
      else for (const count of counts.values()) sum += count;
    return sum;
  }
}

/** A counter with one label. */
export class CountRow<A extends string> {
  readonly #counts: Map<A, number>;

  constructor(metrics: Metrics, text: MetricText, label: string, values: readonly A[]) {
    this.#counts = new Map(values.map((value) => [value, 0]));
    register(metrics, text, 'counter', () =>
      [...this.#counts].map(([a, value]) => ({ labels: { [label]: a }, value })),
    );
  }

  add(a: A, count = 1): void {
    this.#counts.set(a, (this.#counts.get(a) ?? 0) + count);
  }

  get total(): number {
    let sum = 0;
    for (const count of this.#counts.values()) sum += count;
    return sum;
  }
}

/** A histogram of durations with one label, in Prometheus' cumulative buckets. */
export class DurationRow<A extends string> {
  readonly #limits: readonly number[];
  /**
   * Key: value of the label. Value: counts of the buckets (the last for all longer durations) and the sum.
   * Never removed.
   */
  readonly #rows = new Map<A, { readonly counts: Float64Array; sum: number }>();

  /** @param limits upper limits of the buckets, ascending [s] */
  constructor(
    metrics: Metrics,
    text: MetricText,
    label: string,
    values: readonly A[],
    limits: readonly number[],
  ) {
    this.#limits = limits;
    for (const value of values) this.#row(value);
    register(metrics, text, 'histogram', () => {
      const samples: Sample[] = [];
      for (const [value, { counts, sum }] of this.#rows) {
        const labels = label === '' ? {} : { [label]: value };
        let total = 0;
        for (const [at, count] of counts.entries()) {
          total += count;
          const le = limits[at] ?? '+Inf';
          samples.push({ labels: { ...labels, le }, value: total, metricName: `${text.name}_bucket` });
        }
        samples.push({ labels, value: sum, metricName: `${text.name}_sum` });
        samples.push({ labels, value: total, metricName: `${text.name}_count` });
      }
      return samples;
    });
  }

  /** Makes the value known, with 0. */
  begin(value: A): void {
    if (!this.#rows.has(value)) this.#row(value);
  }

  /** Counts a duration. A negative one, after a clock was set back, counts as 0. */
  observe(value: A, seconds: number): void {
    const row = this.#rows.get(value) ?? this.#row(value);
    let at = 0;
    while (at < this.#limits.length && seconds > (this.#limits[at] ?? 0)) at++;
    row.counts[at] = (row.counts[at] ?? 0) + 1;
    row.sum += Math.max(0, seconds);
  }

  /** How many durations are in each bucket, whatever their label; the last is for all longer ones. */
  get totals(): number[] {
    const totals = new Array<number>(this.#limits.length + 1).fill(0);
    for (const { counts } of this.#rows.values())
      for (const [at, count] of counts.entries()) totals[at] = (totals[at] ?? 0) + count;
    return totals;
  }

  #row(value: A): { readonly counts: Float64Array; sum: number } {
    const row = { counts: new Float64Array(this.#limits.length + 1), sum: 0 };
    this.#rows.set(value, row);
    return row;
  }
}
