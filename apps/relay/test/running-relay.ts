/** Runs relays on a store in this process. */
import { Outcall } from '@cim/outcall';
import { randomText, silentLogger, type RelayObserver } from '@cim/runtime';
import type { Store } from '@cim/store';
import type { DeclaredWebhooks } from '../src/declared.ts';
import { Relay } from '../src/relay.ts';

export interface Counted {
  readonly events: Record<string, number>;
}

export function startRelay(
  given: Store,
  options: {
    /** In place of the other one. */
    readonly store?: Store;
    readonly leaseMs?: number;
    readonly counted?: Counted;
    readonly now?: () => number;
    readonly declared?: DeclaredWebhooks;
    readonly keptMs?: number;
  } = {},
): Relay {
  const { counted, store = given, ...rest } = options;
  const count = (outcome: string, events: number): void => {
    if (counted !== undefined) counted.events[outcome] = (counted.events[outcome] ?? 0) + events;
  };
  const observer: RelayObserver = {
    webhookCalled: (outcome, _seconds, events) => count(outcome, events),
    webhookEvent: count,
  };
  const relay = new Relay({
    ...{ store, observer, logger: silentLogger(), id: randomText(12), most: 10_000 },
    keptMs: 3_600_000,
    retryAfter: (failed, askedMs = 0) => (failed > 6 ? undefined : Math.max(failed * 50, askedMs)),
    outcall: new Outcall({ allowedHosts: ['127.0.0.1'], agent: 'CIM/test' }),
    ...rest,
  });
  relay.start();
  return relay;
}
