import type { Measured } from '../fleet.ts';
import type { Figure, Floor } from '../report.ts';

/** What a workload found. */
export interface Outcome {
  /** What was done, in words. */
  readonly load: string;
  readonly figures: readonly Figure[];
  readonly floors: readonly Floor[];
  /** What did not arrive exactly once, was refused or closed. */
  readonly problems: readonly string[];
  readonly measured: Measured | undefined;
}
