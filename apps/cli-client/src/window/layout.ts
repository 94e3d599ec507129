/** Where everything stands on the screen. */
import { cleanLine } from '../sanitize.ts';
import type { Area, Areas } from './areas.ts';
import type { Picture } from './canvas.ts';
import { clock, type EntryRows } from './entry-rows.ts';
import { fitRow, type Row, type Span, span, widthOfRow } from './rows.ts';
import type { Theme } from './theme.ts';
import { clustersOf, widthOf } from './width.ts';

export interface Seen {
  readonly areas: Areas;
  readonly rows: EntryRows;
  readonly theme: Theme;
  readonly name: string;
  readonly online: boolean;
  /** ms since 1970. */
  readonly now: number;
  readonly typed: { readonly text: string; readonly cursor: number };
  /** Stands before what is typed. */
  readonly prompt: string;
  readonly columns: number;
  readonly height: number;
}

/** Columns below which the status row saves room. */
const NARROW = 60;

/** The area of a conversation above, a status row, and the line being typed below. */
export function pictureOf(seen: Seen): Picture {
  const { columns, height, areas } = seen;
  const input = inputRows(seen, Math.max(1, Math.floor(height / 3)));
  const hasStatus = height > input.rows.length;
  const areaHeight = Math.max(0, height - input.rows.length - 1);
  const rows = [
    ...areaRows(seen, areas.current, columns, areaHeight),
    ...(hasStatus ? [statusRow(seen)] : []),
    ...input.rows,
  ];
  return {
    rows,
    cursor: { row: rows.length - input.rows.length + input.row, column: Math.min(input.column, columns - 1) },
  };
}

/** The newest entries at the bottom, or older ones where the person has scrolled to: never beyond the oldest. */
function areaRows({ rows: entryRows }: Seen, area: Area, width: number, height: number): Row[] {
  const shown: Row[] = [];
  const needed = height + area.scroll;
  for (let at = area.entries.length - 1; at >= 0 && shown.length < needed; at--) {
    const entry = area.entries[at];
    if (entry !== undefined) shown.push(...[...entryRows.of(entry, width)].reverse());
  }
  area.scroll = Math.max(0, Math.min(area.scroll, shown.length - height));
  const seen = shown.slice(area.scroll, area.scroll + height).reverse();
  return [...Array.from({ length: height - seen.length }, (): Row => []), ...seen];
}

function statusRow({ areas, theme, name, online, now, columns }: Seen): Row {
  const { status, alert } = theme;
  const current = areas.current;
  const number = areas.list.indexOf(current) + 1;
  const spans: Span[] = [
    span(` ${clock(now)} ${cleanLine(name)} `, status),
    online ? span('online', status) : span('OFFLINE', alert),
    // The prompt names the conversation too.
    span(columns < NARROW ? ` ${number}` : ` ${number}:${cleanLine(current.title)}`, status),
    ...(current.scroll > 0 ? [span(` (${current.scroll} below)`, status)] : []),
  ];
  const busy = areas.list.flatMap(({ title, unread, mentioned }, at) =>
    unread === 0 ? [] : [{ text: `${at + 1}:${cleanLine(title)} ${unread}`, mentioned }],
  );
  for (const [at, { text, mentioned }] of busy.entries()) {
    spans.push(span(at === 0 ? ' [' : ', ', status));
    spans.push(mentioned ? span(`${text}!`, alert) : span(text, status));
  }
  if (busy.length > 0) spans.push(span(']', status));
  return fitRow(spans, columns, status);
}

interface Input {
  readonly rows: Row[];
  /** Of the cursor, among these rows. */
  readonly row: number;
  readonly column: number;
}

/** What is typed, wrapped; at most `most` rows, those around the cursor. */
function inputRows({ typed, prompt, theme, columns }: Seen, most: number): Input {
  const before = fitPrompt(prompt, columns);
  const rows: Span[][] = [[span(before, theme.prompt)]];
  let column = widthOf(before);
  let cursor = { row: 0, column };
  let at = 0;
  const newRow = (): void => {
    rows.push([]);
    column = 0;
  };
  for (const { text } of clustersOf(typed.text)) {
    const isEnd = text === '\n' || text === '\r\n';
    const shown = isEnd ? '' : cleanLine(text);
    const width = widthOf(shown);
    if (column + width > columns) newRow();
    if (at <= typed.cursor) cursor = { row: rows.length - 1, column };
    at += text.length;
    rows.at(-1)?.push(span(shown));
    column += width;
    if (isEnd) newRow();
  }
  // Behind a full row the cursor stands at the beginning of the next one.
  if (column >= columns) newRow();
  if (typed.cursor >= at) cursor = { row: rows.length - 1, column };
  const start = Math.max(0, cursor.row - most + 1);
  return {
    rows: rows.slice(start, start + most).map(joined),
    row: cursor.row - start,
    column: cursor.column,
  };
}

/** A prompt takes half of a row at most. */
const fitPrompt = (prompt: string, columns: number): string => {
  const row: Row = [span(prompt)];
  const most = Math.max(1, Math.floor(columns / 2));
  return widthOfRow(row) <= most
    ? prompt
    : `${fitRow([span(prompt.trimEnd())], most - 1)
        .map(({ text }) => text)
        .join('')} `;
};

const joined = (spans: readonly Span[]): Row => {
  const row: Span[] = [];
  for (const one of spans) {
    const last = row.at(-1);
    if (last?.style === one.style) row[row.length - 1] = span(last.text + one.text, one.style);
    else row.push(one);
  }
  return row;
};
