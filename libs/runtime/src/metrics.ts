import prom from 'prom-client';

/**
 * The metrics of one process. Only the observers (`observer.ts`, `relay-observer.ts`) and the gauges write to
 * them.
 */
export type Metrics = prom.Registry;

/** Metrics of Node's that are left out: gauges named like counters, which Prometheus' own tool refuses. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

export function createMetrics(labels: Record<string, string>): Metrics {
  const registry = new prom.Registry();
  registry.setDefaultLabels(labels);
  prom.collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  return registry;
}
