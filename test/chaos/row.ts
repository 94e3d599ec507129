import type { Verdict } from './verdict.ts';

/** What a run is given. */
export interface RunOptions {
  readonly seed: number;
  readonly long: boolean;
  /** Progress, for somebody who watches. */
  readonly say: (line: string) => void;
}

/** One line of the table. */
export interface Row {
  readonly name: string;
  /** What was done, with figures. */
  readonly did: string;
  /** What was found, with figures. */
  readonly found: string;
  /** Each in words; [] when all holds. */
  readonly broken: readonly string[];
}

/** What every run must hold. */
export function brokenIn(verdict: Verdict): string[] {
  const faults = [...new Set(verdict.findings.map(({ fault }) => fault))];
  return [
    ...faults.map((fault) => {
      const all = verdict.findings.filter((finding) => finding.fault === fault);
      const examples = all.slice(0, 5).map(({ person, text }) => `${person} ${text}`);
      return `${all.length} ${fault}: ${examples.join(', ')}`;
    }),
    ...(verdict.refused > 0 ? [`${verdict.refused} sends were not answered with stored`] : []),
    ...(verdict.ended.length > 0 ? [`clients gave up: ${verdict.ended.join('; ')}`] : []),
  ];
}

export const figuresOf = (verdict: Verdict): string =>
  `${verdict.sent} sent, ${verdict.shown} shown, ${verdict.findings.length} faults, settled in ${(verdict.settledMs / 1000).toFixed(1)} s`;

export const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0;
