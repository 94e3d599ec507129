import prom from 'prom-client';

/** One per process. It is made for the observer and the gauges; nothing else counts (`observer.ts`). */
export type Metrics = prom.Registry;

/** Of Node's own metrics: gauges whose names end like those of counters, which Prometheus' tool refuses. */
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
