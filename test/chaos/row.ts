import type { Turnover } from './turnover.ts';
import type { Verdict } from './verdict.ts';

/** How far a run has come. */
export interface Progress {
  /** What it is about to do or waits for. */
  readonly what: string;
  /** Faults made, and to be made. */
  readonly done: number;
  readonly of: number;
  /** Messages so far. */
  readonly sent?: number;
  readonly shown?: number;
}

/** What a run is given. */
export interface RunOptions {
  readonly seed: number;
  readonly long: boolean;
  /** Said before each fault; a run that says nothing for long is taken for one that hangs. */
  readonly say: (progress: Progress) => void;
  /** When it is aborted the run makes no further fault, and judges what it has. */
  readonly stop: AbortSignal;
}

/** One line of the table. */
export interface Row {
  readonly name: string;
  /** What was done, with figures. */
  readonly did: string;
  /** How often a promise could have broken; 0 where that has no meaning. */
  readonly faults: number;
  /** What was found, with figures. */
  readonly found: string;
  /** Each in words; [] when all holds. */
  readonly broken: readonly string[];
}

/** What every run must hold. @param turnover of its groups, if it has some */
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
