/** Keeps how many messages went through the cluster in each of the last minutes' intervals. */
import { DELIVERY_SECONDS, SEND_OUTCOMES, SEND_SECONDS, type SendResult, type Traffic } from '@cim/runtime';
import { type Percentiles, percentilesOf } from './percentiles.ts';

/** What one process answered at one time. */
export interface Counted {
  /** Instance of an im-server, or another name of a process. */
  readonly name: string;
  readonly traffic: Traffic;
}

export interface TrafficSample {
  /** End of the interval [ms since 1970]. */
  readonly at: number;
  readonly seconds: number;
  readonly sends: Readonly<Record<SendResult, number>>;
  readonly deliveries: number;
  readonly refusedConnections: number;
  readonly sessions: number;
  /** Im-servers that were not counted: they do not answer, or their version is older. */
  readonly silent: number;
  /** Absent: nothing was sent. */
  readonly sendMs?: Percentiles;
  /** Absent: nothing was acknowledged. */
  readonly deliveryMs?: Percentiles;
}

interface Asked {
  /** [ms since 1970] */
  readonly at: number;
  readonly counted: readonly Counted[];
  readonly sessions: number;
  readonly silent: number;
}

export class TrafficSamples {
  readonly #atMost: number;
  #samples: TrafficSample[] = [];
  #at: number | undefined;
  /**
   * Key: name of a process. Value: its counts before, from which the next difference is taken. Removed when
   * the process is not counted for as long as samples are kept.
   */
  readonly #before = new Map<string, { readonly traffic: Traffic; readonly at: number }>();

  /** @param atMost number of samples that are kept */
  constructor(atMost: number) {
    this.#atMost = atMost;
  }

  /** The oldest first. */
  get samples(): readonly TrafficSample[] {
    return this.#samples;
  }

  /** Adds what was counted since the call before. The first call only begins. */
  add({ at, counted, sessions, silent }: Asked): void {
    const sends = Object.fromEntries(SEND_OUTCOMES.map((outcome) => [outcome, 0])) as Record<
      SendResult,
      number
    >;
    const sum = { deliveries: 0, refusedConnections: 0, sendDurations: [0], deliveryDurations: [0] };
    for (const { name, traffic } of counted) {
      const before = this.#before.get(name)?.traffic;
      this.#before.set(name, { traffic, at });
      // What a process has counted before this route met it belongs to no interval here.
      if (before === undefined) continue;
      for (const outcome of SEND_OUTCOMES)
        sends[outcome] += grown(traffic.sends[outcome], before.sends[outcome]);
      sum.deliveries += grown(traffic.deliveries, before.deliveries);
      sum.refusedConnections += grown(traffic.refusedConnections, before.refusedConnections);
      addGrown(sum.sendDurations, traffic.sendDurations, before.sendDurations);
      addGrown(sum.deliveryDurations, traffic.deliveryDurations, before.deliveryDurations);
    }
    const since = this.#at;
    this.#at = at;
    if (since === undefined || at <= since) return;
    const sendMs = percentilesOf(sum.sendDurations, SEND_SECONDS);
    const deliveryMs = percentilesOf(sum.deliveryDurations, DELIVERY_SECONDS);
    this.#samples.push({
      ...{ at, seconds: (at - since) / 1_000, sends, sessions, silent },
      ...{ deliveries: sum.deliveries, refusedConnections: sum.refusedConnections },
      ...(sendMs !== undefined && { sendMs }),
      ...(deliveryMs !== undefined && { deliveryMs }),
    });
    this.#samples = this.#samples.slice(-this.#atMost);
    const oldest = this.#samples[0]?.at ?? at;
    for (const [name, last] of this.#before) if (last.at < oldest) this.#before.delete(name);
  }
}

/** A count that has shrunk began anew with its process. */
const grown = (count: number, before: number): number => (count >= before ? count - before : count);

function addGrown(sum: number[], counts: readonly number[], before: readonly number[]): void {
  for (const [i, count] of counts.entries()) sum[i] = (sum[i] ?? 0) + grown(count, before[i] ?? 0);
}
