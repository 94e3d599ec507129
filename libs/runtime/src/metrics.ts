import prom from 'prom-client';

/** One per process, passed to the parts that count. */
export type Metrics = prom.Registry;
export const { Counter, Gauge, Histogram } = prom;

export function createMetrics(labels: Record<string, string>): Metrics {
  const registry = new prom.Registry();
  registry.setDefaultLabels(labels);
  prom.collectDefaultMetrics({ register: registry });
  return registry;
}
