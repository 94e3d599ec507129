/** What a relay counts. */
import { CountRow, DurationRow } from './count-table.ts';
import type { Metrics } from './metrics.ts';

const CALL_OUTCOMES = ['delivered', 'failed'] as const;
/**
 * `parked`: it has failed, and waits beside the feed. `dead`: it is told no more unless an operator wants it. `dropped`: there were too many dead
 * ones. `lost`: the feed has dropped it before a relay read it.
 */
const EVENT_OUTCOMES = ['delivered', 'parked', 'dead', 'dropped', 'lost'] as const;
/** From a receiver beside us to one at its deadline [s]. */
const CALLS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15];

export interface RelayObserver {
  /** A request to a webhook has ended. @param events that it told of */
  webhookCalled(outcome: (typeof CALL_OUTCOMES)[number], seconds: number, events: number): void;
  webhookEvent(outcome: Exclude<(typeof EVENT_OUTCOMES)[number], 'delivered'>, events: number): void;
}

/** Counts for Prometheus. docs/metrics.md describes each metric. */
export class PrometheusRelayObserver implements RelayObserver {
  readonly #calls: CountRow<(typeof CALL_OUTCOMES)[number]>;
  readonly #seconds: DurationRow<(typeof CALL_OUTCOMES)[number]>;
  readonly #events: CountRow<(typeof EVENT_OUTCOMES)[number]>;

  constructor(metrics: Metrics) {
    this.#calls = new CountRow(
      metrics,
      { name: 'cim_webhook_requests_total', help: 'Requests to webhooks, by outcome' },
      'outcome',
      CALL_OUTCOMES,
    );
    this.#seconds = new DurationRow(
      metrics,
      { name: 'cim_webhook_request_duration_seconds', help: 'Time until a request to a webhook ended' },
      'outcome',
      CALL_OUTCOMES,
      CALLS,
    );
    this.#events = new CountRow(
      metrics,
      { name: 'cim_webhook_events_total', help: 'Events for webhooks, by what became of them' },
      'outcome',
      EVENT_OUTCOMES,
    );
  }

  webhookCalled(outcome: (typeof CALL_OUTCOMES)[number], seconds: number, events: number): void {
    this.#calls.add(outcome);
    this.#seconds.observe(outcome, seconds);
    if (outcome === 'delivered') this.#events.add('delivered', events);
  }

  webhookEvent(outcome: Exclude<(typeof EVENT_OUTCOMES)[number], 'delivered'>, events: number): void {
    this.#events.add(outcome, events);
  }
}
