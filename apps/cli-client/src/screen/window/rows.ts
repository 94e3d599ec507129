import { type Cluster, clustersOf, widthOf } from '@cim/terminal-text';
/** Rows of a screen: pieces of text with a style each. */

/** A piece of text in one style. */
export interface Span {
  readonly text: string;
  /** Parameters of SGR, such as `1;31`; '' for none. */
  readonly style: string;
}

export type Row = readonly Span[];

interface Cell extends Cluster {
  readonly style: string;
}

export const span = (text: string, style = ''): Span => ({ text, style });

export const widthOfRow = (row: Row): number => row.reduce((width, { text }) => width + widthOf(text), 0);

/** Reads a line that `View` has made: its only escapes are the colours of `Paint`. */
export function rowOf(line: string): Row {
  const [first = '', ...pieces] = line.split('\u001b[');
  const spans = pieces.map((piece) => {
    const end = piece.indexOf('m');
    const style = piece.slice(0, end);
    return span(piece.slice(end + 1), style === '0' ? '' : style);
  });
  return [span(first), ...spans].filter(({ text }) => text !== '');
}

/** Breaks a row between words where it can, else anywhere. @param indent columns before each row but the first */
export function wrapRow(row: Row, width: number, indent = 0): Row[] {
  const before = indent * 2 < width ? indent : 0;
  const rows: Row[] = [];
  let line: Cell[] = [];
  let column = 0;
  /** A row may end before the cell of this index. */
  let breakAt = 0;
  const end = (carried: readonly Cell[]): void => {
    rows.push(spansOf(line));
    line = [...carried];
    column = before + widthOfCells(carried);
    breakAt = 0;
  };
  for (const cell of cellsOf(row)) {
    if (column + cell.width > width && column > (rows.length === 0 ? 0 : before)) {
      if (cell.text === ' ') {
        end([]);
        continue;
      }
      end(cell.width === 2 || breakAt === 0 ? [] : line.splice(breakAt));
    }
    line.push(cell);
    column += cell.width;
    if (cell.text === ' ' || cell.width === 2) breakAt = line.length;
  }
  rows.push(spansOf(line));
  return rows.map((spans, at) => (at === 0 || before === 0 ? spans : [span(' '.repeat(before)), ...spans]));
}

/** Exactly `width` columns: cut, with `…` at its end, or filled up with blanks. */
export function fitRow(row: Row, width: number, style = ''): Row {
  const total = widthOfRow(row);
  if (total <= width) return total === width ? row : [...row, span(' '.repeat(width - total), style)];
  const cells: Cell[] = [];
  let column = 0;
  for (const cell of cellsOf(row)) {
    if (column + cell.width > width - 1) break;
    cells.push(cell);
    column += cell.width;
  }
  return [...spansOf(cells), span('\u{2026}'.padEnd(width - column), style)];
}

/** Last gate before the terminal: it lets no control character through, wherever it comes from. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/gu;

/**
 * Writes a row for a terminal. Behind each cluster whose width terminals do not agree on, the cursor is placed anew, so
 * that such a cluster cannot move what stands to its right.
 */
export function encodeRow(row: Row): string {
  let column = 0;
  let out = '';
  for (const { text, style } of row) {
    if (style !== '') out += `\u001b[${style}m`;
    for (const cluster of clustersOf(text.replace(CONTROL, '\u{fffd}'))) {
      column += cluster.width;
      out += cluster.sure ? cluster.text : `${cluster.text}\u001b[${column + 1}G`;
    }
    if (style !== '') out += '\u001b[0m';
  }
  return out;
}

const cellsOf = (row: Row): Cell[] =>
  row.flatMap(({ text, style }) => clustersOf(text).map((cluster) => ({ ...cluster, style })));

const widthOfCells = (cells: readonly Cell[]): number => cells.reduce((width, cell) => width + cell.width, 0);

function spansOf(cells: readonly Cell[]): Row {
  const spans: { text: string; style: string }[] = [];
  for (const { text, style } of cells) {
    const last = spans.at(-1);
    if (last?.style === style) last.text += text;
    else spans.push({ text, style });
  }
  return spans;
}
