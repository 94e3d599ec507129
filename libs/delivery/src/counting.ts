import { CLOSE_REASONS } from '@cim/protocol';
import { RPC_METHODS } from '@cim/rpc';
import { gauge, type Metrics, PrometheusObserver } from '@cim/runtime';

/**
 * The observer of a server process, and what every server tells of itself. docs/metrics.md describes each metric.
 * @param doorLimits names of the limits of its public door, if it has one
 */
export function observe(
  metrics: Metrics,
  version: string,
  doorLimits: readonly string[] = [],
): PrometheusObserver {
  gauge(metrics, 'cim_build_info', 'Always 1; the label says which build runs', () => 1, { version });
  return new PrometheusObserver(metrics, {
    closeReasons: Object.keys(CLOSE_REASONS),
    rpcMethods: RPC_METHODS,
    doorLimits,
  });
}
