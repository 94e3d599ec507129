/** Plain tables of at most 80 columns, and the words in them. */
import { cleanLine, cut, widthOf } from '@cim/terminal-text';

const COLUMNS = 80;
const GAP = '  ';
/** Smallest width of a shortened column. */
const NARROWEST = 6;

/** The text as one line that is safe in a terminal, since strangers choose names. */
export const cleaned = (text: string): string => cleanLine(text.replaceAll(/[\t\r\n]/g, '\u{fffd}'));

export interface Column<T> {
  readonly heading: string;
  readonly cell: (row: T) => string;
  /** Whether the column may be shortened when a line is too long. */
  readonly givesWay?: boolean;
}

/** Makes a table. @param none the sentence in place of a table without rows */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[], none: string): string {
  if (rows.length === 0) return none;
  const cells = [
    columns.map(({ heading }) => heading),
    ...rows.map((row) => columns.map(({ cell }) => cleaned(cell(row)))),
  ];
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => widthOf(line[at] ?? ''))));
  const total = (): number => widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1));
  for (let over = total() - COLUMNS; over > 0; over--) {
    let widest = -1;
    for (const [at, { givesWay }] of columns.entries())
      if (givesWay === true && (widths[at] ?? 0) > Math.max(NARROWEST, widths[widest] ?? 0)) widest = at;
    if (widest === -1) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return cells
    .map((line) =>
      line
        .map((text, at) => {
          const short = cut(text, widths[at] ?? 0);
          return short + ' '.repeat(Math.max((widths[at] ?? 0) - widthOf(short), 0));
        })
        .join(GAP)
        .trimEnd(),
    )
    .join('\n');
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** A length of time in its largest unit: `3d`, `12m`, `0s`. */
export function duration(ms: number): string {
  const [unit, length] = UNITS.find(([, each]) => ms >= each) ?? (['s', 1_000] as const);
  return `${Math.max(Math.floor(ms / length), 0)}${unit}`;
}

/** An ISO time of an answer as `3d ago` or `in 2h`; '' when the answer has none. */
export function when(value: unknown, now = Date.now()): string {
  const at = typeof value === 'string' ? Date.parse(value) : NaN;
  if (Number.isNaN(at)) return '';
  return at > now ? `in ${duration(at - now)}` : `${duration(now - at)} ago`;
}

/** A field of an answer as text; '' when it is not there. */
export const shown = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : typeof value === 'number' || typeof value === 'boolean'
      ? String(value)
      : '';

/** The fields of an object in an answer; none for anything else. */
export const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

/** `yes`, `no` or `unknown`. An old route leaves the field out, which means unknown. */
export const finding = (value: unknown): string => shown(fieldsOf(value)['is']) || 'unknown';

/** The reasons of the findings in a table, one line each. A finding without a reason adds none. */
export const reasons = (findings: readonly (readonly [name: string, value: unknown])[]): string[] => [
  ...new Set(
    findings.flatMap(([name, value]) => {
      const { is, why } = fieldsOf(value);
      return typeof why === 'string' ? [cleaned(`${name}: ${shown(is)}, ${why}`)] : [];
    }),
  ),
];
