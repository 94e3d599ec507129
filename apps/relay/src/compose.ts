/** Builds a relay from its parts, for the relay process and for standalone. */
import { Outcall } from '@cim/outcall';
import {
  gauge,
  gaugeBy,
  type Logger,
  type Metrics,
  PrometheusRelayObserver,
  randomText,
  type Running,
  VERSION,
} from '@cim/runtime';
import type { Store } from '@cim/store';
import { DeclaredWebhooks } from './declared.ts';
import { Relay } from './relay.ts';

export interface RelayConfig {
  readonly eventsKept: number;
  readonly eventsKeptHours: number;
  readonly outcallHosts: readonly string[];
  /** '' for none. */
  readonly webhooksFile: string;
}

export interface StartRelayParts {
  readonly config: RelayConfig;
  readonly store: Store;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface RunningRelay extends Running {
  /** What keeps the relay from its work; [] when nothing does. */
  readonly missing: () => readonly string[];
  /** A line for each webhook that is failing at this relay. */
  readonly failing: () => readonly string[];
}

/** Starts a relay. While the store is away, it tries again and again. @throws {Error} one line: the file of webhooks is wrong */
export function startRelay({ config, store, logger, metrics }: StartRelayParts): RunningRelay {
  const { webhooksFile: path, outcallHosts: allowedHosts } = config;
  const { webhooks } = store;
  const declared =
    path === '' ? undefined : new DeclaredWebhooks({ webhooks, path, allowedHosts, logger, now: Date.now });
  const outcall = new Outcall({ allowedHosts: config.outcallHosts, agent: `CIM/${VERSION}` });
  const observer = new PrometheusRelayObserver(metrics);
  const relay = new Relay({
    ...{ store, outcall, logger, observer, declared, most: config.eventsKept },
    keptMs: config.eventsKeptHours * 3_600_000,
    id: randomText(12),
  });
  addGauges(metrics, relay);
  relay.start();
  return {
    missing: () => (relay.problem === undefined ? [] : [`relay: ${relay.problem}`]),
    failing: () =>
      relay.hooks.flatMap(({ webhook, failingSince, problem }) =>
        failingSince === undefined
          ? []
          : [`webhook ${webhook.id} fails since ${new Date(failingSince).toISOString()}: ${problem ?? ''}`],
      ),
    stop: async () => {
      await relay.stop();
      outcall.stop();
    },
  };
}

function addGauges(metrics: Metrics, relay: Relay): void {
  gauge(
    metrics,
    'cim_relay_partitions',
    'Partitions of the feed of events that this relay reads',
    () => relay.partitions,
  );
  gaugeBy(metrics, 'cim_webhooks', 'Webhooks, by how they fare at this relay', 'state', () => {
    const states = { well: 0, failing: 0, off: 0 };
    for (const { webhook, failingSince } of relay.hooks)
      states[webhook.off !== undefined ? 'off' : failingSince === undefined ? 'well' : 'failing']++;
    return states;
  });
  gaugeBy(
    metrics,
    'cim_webhook_waiting_events',
    'Events that this relay has read and not delivered',
    'state',
    () => {
      const events = { queued: 0, parked: 0, dead: 0 };
      for (const { waiting, letters, deadLetters } of relay.hooks) {
        events.queued += waiting - letters;
        events.parked += letters;
        events.dead += deadLetters;
      }
      return events;
    },
  );
}
