/** The state of an im-server as gauges for Prometheus. docs/metrics.md describes each metric. */
import type { Visits } from '@cim/channel';
import type { HeldMessages, ScheduledSends } from '@cim/delivery';
import type { RpcServer } from '@cim/rpc';
import { gauge, gaugeBy, type Metrics, Slice } from '@cim/runtime';
import type { Instance } from '../recovery/instance.ts';
import type { Connection } from '../sessions/connection.ts';
import type { SendBudget } from '../sessions/send-budget.ts';
import type { GroupLogs } from '../subscriptions/group-logs.ts';

export interface GaugeParts {
  readonly visits: () => Visits;
  readonly maxConnections: number;
  /** All connections whose wire or stage is known. */
  readonly connections: ReadonlySet<Connection>;
  readonly groups: GroupLogs;
  readonly instance: Instance;
  readonly budget: SendBudget;
  readonly scheduled: Pick<ScheduledSends, 'count'>;
  readonly held: Pick<HeldMessages, 'waiting'>;
  readonly rpc: () => RpcServer;
}

/** Counts over all connections and subscriptions. */
interface Census {
  /** Number of connections by stage. */
  readonly stages: { login: number; own: number; cim: number };
  outboxBytes: number;
  readonly unacked: { inbox: number; group: number };
  readonly behind: { inbox: number; group: number };
}

export function addGauges(metrics: Metrics, parts: GaugeParts): void {
  const { maxConnections, connections, groups, instance, budget, scheduled, held } = parts;
  /** One pass serves all gauges of a scrape. */
  let taking: Promise<Census> | undefined;
  const census = (): Promise<Census> =>
    (taking ??= takeCensus(connections, groups).finally(() => {
      taking = undefined;
    }));

  gaugeBy(metrics, 'cim_sessions', 'Sessions, by wire', 'wire', async () => {
    const { own, cim } = (await census()).stages;
    return { own, cim };
  });
  gaugeBy(metrics, 'cim_connections', 'Connections of clients, by state', 'state', async () => {
    const { login, own, cim } = (await census()).stages;
    const handshake = Math.max(0, parts.visits().connections - connections.size);
    return { handshake, login, session: own + cim };
  });
  gauge(
    metrics,
    'cim_connections_allowed',
    'Connections of clients that may be open at once',
    () => maxConnections,
  );
  gaugeBy(
    metrics,
    'cim_unacknowledged_entries',
    'Entries that went out to clients and are not acknowledged, by kind of stream',
    'stream',
    async () => (await census()).unacked,
  );
  gaugeBy(
    metrics,
    'cim_subscriptions_behind',
    'Subscriptions whose log holds entries that have not gone out yet, by kind of stream',
    'stream',
    async () => (await census()).behind,
  );
  gauge(
    metrics,
    'cim_outbox_bytes',
    'Bytes for clients that the kernel has not taken',
    async () => (await census()).outboxBytes,
  );
  gauge(metrics, 'cim_sends_under_way', 'Sends of clients that wait for the store', () => budget.sends);
  gauge(
    metrics,
    'cim_sends_under_way_bytes',
    'Contents of the sends that wait for the store',
    () => budget.bytes,
  );
  gauge(
    metrics,
    'cim_sessions_held',
    'Sessions that are not read because too many sends wait for the store',
    () => budget.waiting,
  );
  gauge(
    metrics,
    'cim_groups_followed',
    'Groups that sessions of this im-server follow, the lobby not counted',
    () => groups.size,
  );
  gauge(
    metrics,
    'cim_scheduled_messages',
    'Messages of all users that are to be sent later, as this im-server has found them last',
    () => scheduled.count.waiting,
  );
  gauge(
    metrics,
    'cim_scheduled_due_messages',
    'Scheduled messages whose time has come and that are not sent yet',
    () => scheduled.count.due,
  );
  gauge(
    metrics,
    'cim_scheduled_late_seconds',
    'How late the oldest scheduled message is that is due and not sent',
    () => scheduled.count.lateMs / 1_000,
  );
  gauge(
    metrics,
    'cim_held_messages',
    'Messages that wait for a decision, as this im-server has found them last',
    () => held.waiting,
  );
  gauge(metrics, 'cim_lease_held', 'Whether the lease of this im-server holds, so that it delivers', () =>
    Number(instance.serving),
  );
  gauge(
    metrics,
    'cim_lease_certain_seconds',
    'For how long this im-server may go on delivering if the lease is not renewed',
    () => instance.certainForMs / 1_000,
  );
  gauge(
    metrics,
    'cim_rpc_served_connections',
    'Connections of other servers that call this one',
    () => parts.rpc().connections,
  );
}

/**
 * Counts in slices, so that it does not hold the event loop. A group costs as much as it has sessions that do
 * not rest.
 */
async function takeCensus(connections: ReadonlySet<Connection>, groups: GroupLogs): Promise<Census> {
  const census: Census = {
    stages: { login: 0, own: 0, cim: 0 },
    outboxBytes: 0,
    unacked: { inbox: 0, group: 0 },
    behind: { inbox: 0, group: 0 },
  };
  const slice = new Slice();
  for (const connection of connections) {
    census.stages[connection.stage]++;
    census.outboxBytes += connection.queuedBytes;
    const timeline = connection.session?.timeline;
    census.unacked.inbox += timeline?.unacked ?? 0;
    census.behind.inbox += Number(timeline?.behind ?? false);
    if (slice.over) await slice.next();
  }
  for (const log of [groups.lobby, ...groups.all()]) {
    for (const feed of log.feeds()) {
      census.unacked.group += feed.unacked;
      census.behind.group += Number(feed.behind);
      if (slice.over) await slice.next();
    }
    if (slice.over) await slice.next();
  }
  return census;
}
