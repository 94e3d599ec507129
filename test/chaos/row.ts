import type { Turnover } from './turnover.ts';
import type { Verdict } from './verdict.ts';

/** The progress of a run. */
export interface Progress {
  /** What the run is about to do, or waits for. */
  readonly what: string;
  /** Faults made, and faults to be made. */
  readonly done: number;
  readonly of: number;
  /** Messages sent so far. */
  readonly sent?: number;
  readonly shown?: number;
}

/** The arguments of a run. */
export interface RunOptions {
  readonly seed: number;
  readonly long: boolean;
  /** Called before each fault. A run that is silent for long is taken to hang. */
  readonly say: (progress: Progress) => void;
  /** When aborted, the run makes no further fault and judges what it has. */
  readonly stop: AbortSignal;
}

/** One line of the table. */
export interface Row {
  readonly name: string;
  /** The acts of the run, with figures. */
  readonly did: string;
  /** How often a promise could have broken; 0 where this has no meaning. */
  readonly faults: number;
  /** The findings, with figures. */
  readonly found: string;
  /** Broken promises in words; [] when all hold. */
  readonly broken: readonly string[];
}

/** The promises that every run must hold. @param turnover of its groups, if it has any */
export function brokenIn(verdict: Verdict, turnover?: Turnover): string[] {
  const faults = [...new Set(verdict.findings.map(({ fault }) => fault))];
  return [
    ...faults.map((fault) => {
      const all = verdict.findings.filter((finding) => finding.fault === fault);
      const examples = all.slice(0, 5).map(({ person, text }) => `${person} ${text}`);
      return `${all.length} ${fault}: ${examples.join(', ')}`;
    }),
    ...(verdict.refused > 0 ? [`${verdict.refused} sends were not answered with stored`] : []),
    ...(turnover?.problems ?? []).map((problem) => `a change was refused: ${problem}`),
    ...(turnover?.made === 0 ? ['no group has changed: nothing is shown of groups'] : []),
    ...(verdict.ended.length > 0 ? [`clients gave up: ${verdict.ended.join('; ')}`] : []),
  ];
}

export function figuresOf({ sent, shown, changes, asked, findings, settledMs }: Verdict): string {
  const groups =
    changes === 0 ? '' : `${changes} changes of groups, ${asked} counts and histories compared, `;
  const settled = `settled in ${(settledMs / 1000).toFixed(1)} s`;
  return `${sent} sent, ${shown} shown, ${groups}${findings.length} faults, ${settled}`;
}

export const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0;
