/** Gauges: what a process tells of its state when Prometheus asks. Nothing is counted for them before. */
import prom from 'prom-client';
import type { Metrics } from './metrics.ts';

/** Of two parts of one process that make the same gauge, the first does. */
export function gauge(
  metrics: Metrics,
  name: string,
  help: string,
  read: () => number | Promise<number>,
  labels: Readonly<Record<string, string>> = {},
): void {
  if (metrics.getSingleMetric(name) !== undefined) return;
  new prom.Gauge({
    name,
    help,
    labelNames: Object.keys(labels),
    registers: [metrics],
    async collect() {
      this.set(labels, await read());
    },
  });
}

/**
 * A gauge with one label.
 * @param read the figure of each of the label's values, perhaps later: then the scrape waits
 */
export function gaugeBy(
  metrics: Metrics,
  name: string,
  help: string,
  label: string,
  read: () => Readonly<Record<string, number>> | Promise<Readonly<Record<string, number>>>,
): void {
  if (metrics.getSingleMetric(name) !== undefined) return;
  new prom.Gauge({
    name,
    help,
    labelNames: [label],
    registers: [metrics],
    async collect() {
      for (const [value, figure] of Object.entries(await read())) this.set({ [label]: value }, figure);
    },
  });
}

/** 1 for the one of `values` that holds, 0 for the others. */
export function flags<T extends string>(values: readonly T[], holds: T | undefined): Record<T, number> {
  return Object.fromEntries(values.map((value) => [value, Number(value === holds)])) as Record<T, number>;
}
