import type { Membership } from '@cim/discovery';
import { CLOSE_REASONS, CODES } from '@cim/protocol';
import { RPC_METHODS, type RpcClient } from '@cim/rpc';
import { flags, gauge, gaugeBy, type Metrics, PrometheusObserver } from '@cim/runtime';
import { type Store, STORE_PROBLEMS } from '@cim/store';

/**
 * Makes the observer of a server process. docs/metrics.md describes each metric.
 * @param doorLimits names of the limits of public doors
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
    unknownPathCode: CODES.invalid.code,
  });
}

export interface Surroundings {
  readonly store: Store;
  readonly membership: Membership;
  readonly rpc: RpcClient;
}

/**
 * Adds the gauges that every server has: the state of the store, the registry and the calls to other servers.
 */
export function addSurroundings(metrics: Metrics, { store, membership, rpc }: Surroundings): void {
  const { engine, durability } = store.state();
  gauge(metrics, 'cim_store_info', 'Always 1; the labels say where messages are stored', () => 1, {
    engine,
    durability,
  });
  gauge(metrics, 'cim_store_ready', 'Whether the store keeps its promise and takes writes', () =>
    Number(store.state().problem === undefined),
  );
  gaugeBy(metrics, 'cim_store_problem', '1 for what keeps the store from its work', 'kind', () =>
    flags(STORE_PROBLEMS, store.state().problem),
  );
  gauge(metrics, 'cim_registry_connected', 'Whether the registry of im-servers answers', () =>
    Number(membership.connected),
  );
  gauge(
    metrics,
    'cim_registry_problem',
    'Whether the registry answers and something keeps this process from using it',
    () => Number(membership.problem !== undefined),
  );
  gauge(
    metrics,
    'cim_im_servers',
    'Listed im-servers on which a login can be placed',
    () => membership.members().filter(({ instance }) => instance !== undefined).length,
  );
  gaugeBy(metrics, 'cim_rpc_links', 'Ways to other servers, by state', 'state', () => rpc.links());
  gauge(
    metrics,
    'cim_rpc_calls_under_way',
    'Calls to other servers that are not answered yet',
    () => rpc.pending,
  );
}
