/** Rows as lines of files, so that parallel runs fit into one table; and that table. */
import { appendFileSync, readFileSync } from 'node:fs';
import type { Row } from './row.ts';

/** A row with the run that made it. */
export interface Result extends Row {
  readonly run: string;
  readonly seed: number;
  readonly seconds: number;
}

export const append = (file: string, result: Result): void =>
  appendFileSync(file, `${JSON.stringify(result)}\n`);

/** All results of a file that `append` wrote. */
export const read = (file: string): Result[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Result);

/**
 * The upper bound for the chance of a failure per fault, at 95 % confidence, when none was seen in this many:
 * the p at which (1 - p)^n is 5 %. It is close to 3/n for larger n, and never above it.
 */
export const chanceBelow = (faults: number): number => 1 - 0.05 ** (1 / faults);

export function lineOf({ run, seconds, name, did, found, broken }: Result): string {
  const head = `${broken.length === 0 ? 'held  ' : 'BROKEN'} ${run}, ${name} (${seconds.toFixed(0)} s): ${did}: ${found}`;
  return [head, ...broken.map((line) => `         ${line}`)].join('\n');
}

export function tableOf(results: readonly Result[]): string {
  const lines = results.map(({ name, did, faults, found, broken }) => {
    const held = broken.length === 0;
    const chance = held && faults > 0 ? `${(100 * chanceBelow(faults)).toPrecision(2)} %` : '';
    return `| ${name} | ${did} | ${found} | ${held ? 'yes' : '**no**'} | ${chance} |`;
  });
  return [
    '| run | done | found | held | chance of a failure per fault, below (95 %) |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}
