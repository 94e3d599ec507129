import type { Measured } from '../fleet.ts';
import type { Figure, Floor } from '../report.ts';

/** The result of a workload. */
export interface Outcome {
  /** The load, in words. */
  readonly load: string;
  readonly figures: readonly Figure[];
  readonly floors: readonly Floor[];
  /** Texts that did not arrive exactly once, refusals, and closed connections. */
  readonly problems: readonly string[];
  readonly measured: Measured | undefined;
}
