/** The results of a run, for people and for programs. */
import { cpus, release } from 'node:os';
import type { Histogram, HistogramData } from './histogram.ts';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** The figures of a bare server with the same load. */
export interface Floor {
  /** Name of the bare server. */
  readonly name: string;
  readonly figures: readonly Figure[];
  /** Reasons why its figures are worthless; empty in a good run. */
  readonly problems: readonly string[];
}

/** Latencies of one second of a run [µs]. */
export interface SecondFigures {
  readonly second: number;
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Report {
  readonly workload: string;
  readonly at: string;
  readonly machine: string;
  readonly target: string;
  readonly load: string;
  readonly figures: readonly Figure[];
  /** Bare servers measured in the same minute, with our figures divided by theirs. */
  readonly floors: readonly (Floor & { readonly ratios: readonly Figure[] })[];
  /** Texts that did not arrive exactly once, refusals and closed connections; empty in a good run. */
  readonly problems: readonly string[];
  readonly seconds: readonly SecondFigures[];
  readonly histogram: HistogramData;
}

export const bareFloor = (figures: readonly Figure[], problems: readonly string[]): Floor => ({
  name: 'bare server',
  figures,
  problems,
});

export const figure = (name: string, value: number, unit: string): Figure => ({ name, value, unit });

export function latencyFigures(name: string, histogram: Histogram): Figure[] {
  const ms = (share: number) => histogram.quantile(share) / 1e3;
  return [
    figure(`${name} p50`, ms(0.5), 'ms'),
    figure(`${name} p99`, ms(0.99), 'ms'),
    figure(`${name} p99.9`, ms(0.999), 'ms'),
    figure(`${name} max`, histogram.max / 1e3, 'ms'),
  ];
}

/** What a server does with the same load over TCP. */
export const tcpFloor = (figures: readonly Figure[], problems: readonly string[]): Floor => ({
  name: 'over TCP',
  figures,
  problems,
});

/** Our figures divided by the floor's, for each figure that both have. */
export function ratiosOf(figures: readonly Figure[], { name: of, figures: floor }: Floor): Figure[] {
  return figures.flatMap(({ name, value }) => {
    if (/ (p99\.9|max)$|^arrivals/.test(name)) return [];
    const floored = floor.find((one) => one.name === name)?.value ?? 0;
    return floored > 0 ? [figure(name, value / floored, of === 'over TCP' ? '× TCP' : '× bare')] : [];
  });
}

export const secondsOf = (perSecond: ReadonlyMap<number, Histogram>): SecondFigures[] =>
  [...perSecond]
    .sort(([a], [b]) => a - b)
    .map(([second, histogram]) => ({
      second,
      count: histogram.count,
      p50: histogram.quantile(0.5),
      p99: histogram.quantile(0.99),
      max: histogram.max,
    }));

export function machine(): string {
  const all = cpus();
  return `${all.length} × ${all[0]?.model.trim() ?? 'unknown'}, Linux ${release()}, Node ${process.versions.node}`;
}

export function printReport(report: Report): string {
  const rows = (title: string, figures: readonly Figure[]) =>
    figures.length === 0 ? [] : [title, ...figures.map((one) => `  ${one.name.padEnd(44)} ${shown(one)}`)];
  return [
    `${report.workload}: ${report.load}`,
    `target   ${report.target}`,
    `machine  ${report.machine}`,
    ...rows('', report.figures),
    ...report.floors.flatMap(({ name, figures, ratios }) => [
      ...rows(`${name}, same load`, figures),
      ...rows(`ratios to ${name}`, ratios),
    ]),
    ...(report.problems.length === 0
      ? ['every text arrived exactly once, and no connection ended']
      : report.problems.map((problem) => `PROBLEM  ${problem}`)),
    '',
  ].join('\n');
}

function shown({ value, unit }: Figure): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  const text = value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${text.padStart(10)} ${unit}`;
}
