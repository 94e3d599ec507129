/** What a process has counted since its start, for operators who look at a route. Prometheus reads the metrics. */
import type { SendResult } from './observer.ts';

/** Upper limits of the buckets of sends [s]: from a store in memory to when every caller has given up. */
export const SEND_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
] as const;
/** Upper limits of the buckets of deliveries [s]: from two servers on one machine to the longest time that a lost push takes. */
export const DELIVERY_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 35, 120] as const;

export interface Traffic {
  /** Sends that were answered, by outcome, through all doors. */
  readonly sends: Readonly<Record<SendResult, number>>;
  /** Entries written to clients. */
  readonly deliveries: number;
  /** Connections that were closed at once. */
  readonly refusedConnections: number;
  /** Answered sends by duration: a count for each of SEND_SECONDS, and one for longer ones. */
  readonly sendDurations: readonly number[];
  /** Acknowledged entries by their time since they were stored: the same for DELIVERY_SECONDS. */
  readonly deliveryDurations: readonly number[];
}
