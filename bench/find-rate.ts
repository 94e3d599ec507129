/** Finds the highest rate that a target takes with its p99 below a bound. */
import { type Figure, figure } from './report.ts';
import type { Run } from './run.ts';
import type { StepResult } from './sending.ts';

export interface Found {
  readonly ratePerS: number;
  readonly best: StepResult;
  /** The figures of each rate that was tried. */
  readonly figures: readonly Figure[];
}

const GROWTH = 1.5;
/** A rate is accepted when this share of it arrives in time. */
const KEPT_UP = 0.97;
/** The search stops when the good and the bad rate are this close. */
const NEAR = 1.06;
const MOST_TRIES = 24;

/** Raises the rate from `--rate` until it fails, then halves the distance. */
export async function findRate(run: Run, measure: (ratePerS: number) => Promise<StepResult>): Promise<Found> {
  const figures: Figure[] = [];
  let good: { ratePerS: number; result: StepResult } | undefined;
  let bad: number | undefined;
  let lowest: { ratePerS: number; result: StepResult } | undefined;
  let ratePerS = run.options.rate;
  let again = false;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const result = await measure(ratePerS);
    const p99Ms = result.measured.arrival.quantile(0.99) / 1e3;
    const keptUp = result.arrivedPerS >= KEPT_UP * ratePerS * (result.arrived / Math.max(1, result.stored));
    const passed = p99Ms <= run.options.p99Ms && keptUp && result.problems.length === 0;
    figures.push(figure(`p99 at ${ratePerS}/s${passed ? '' : ', too much'}`, p99Ms, 'ms'));
    if (lowest === undefined || ratePerS < lowest.ratePerS) lowest = { ratePerS, result };
    if (result.problems.length > 0) break;
    // A rate counts as too high when it fails twice, since a machine's speed varies.
    again = !passed && !again;
    if (again) continue;
    if (passed) good = { ratePerS, result };
    else bad = ratePerS;
    if (good !== undefined && bad !== undefined && bad / good.ratePerS < NEAR) break;
    if (bad === undefined) ratePerS = Math.round(ratePerS * GROWTH);
    else if (good === undefined) ratePerS = Math.round(ratePerS / 2);
    else ratePerS = Math.round(Math.sqrt(good.ratePerS * bad));
    if (ratePerS < 1) break;
  }
  if (good === undefined && lowest === undefined) throw new Error('no rate was tried');
  const best = good ?? lowest;
  if (best === undefined) throw new Error('no rate was tried');
  const highest = figure(`highest rate with p99 up to ${run.options.p99Ms} ms`, good?.ratePerS ?? 0, '/s');
  return { ratePerS: best.ratePerS, best: best.result, figures: [highest, ...figures] };
}
