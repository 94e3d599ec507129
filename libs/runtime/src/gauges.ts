/** Gauges: state of a process that is read when Prometheus asks for it. Nothing is counted in between. */
import prom from 'prom-client';
import type { Metrics } from './metrics.ts';

/** Registers a gauge. When two parts of one process register the same name, the first one stays. */
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
 * Registers a gauge with one label.
 * @param read answers the figure for each value of the label. It may answer later: the scrape then waits
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

/** 1 for the value that holds, 0 for the others. */
export function flags<T extends string>(values: readonly T[], holds: T | undefined): Record<T, number> {
  return Object.fromEntries(values.map((value) => [value, Number(value === holds)])) as Record<T, number>;
}
