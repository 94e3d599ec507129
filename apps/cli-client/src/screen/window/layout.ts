/** Where everything stands on the screen. */
import { cleanLine, clustersOf, widthOf } from '@cim/terminal-text';
import type { Area, Areas } from './areas.ts';
import type { Picture } from './canvas.ts';
import { clock, type EntryRows } from './entry-rows.ts';
import { fitRow, type Row, type Span, span, widthOfRow } from './rows.ts';
import { nameStyle, type Theme } from '../../options/theme.ts';

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
  /** Whether to show who is in a conversation, where there is room. */
  readonly withUsers: boolean;
  readonly withDays: boolean;
  readonly columns: number;
  readonly height: number;
}

/** Columns below which the status row saves room. */
const NARROW = 60;
/** Columns from which the users of a conversation are shown beside it. */
const WIDE = 100;
const USERS_WIDTH = 20;

/** The area of a conversation above, a status row, and the line being typed below. */
export function pictureOf(seen: Seen): Picture {
  const { columns, height, areas } = seen;
  const input = inputRows(seen, Math.max(1, Math.floor(height / 3)));
  const hasStatus = height > input.rows.length;
  const areaHeight = Math.max(0, height - input.rows.length - 1);
  const hasUsers = seen.withUsers && columns >= WIDE && areas.current.users.length > 0;
  const width = hasUsers ? columns - USERS_WIDTH : columns;
  const area = areaRows(seen, areas.current, width, areaHeight);
  const rows = [
    ...(hasUsers ? withUsers(area, seen, width) : area),
    ...(hasStatus ? [statusRow(seen)] : []),
    ...input.rows,
  ];
  return {
    rows,
    cursor: { row: rows.length - input.rows.length + input.row, column: Math.min(input.column, columns - 1) },
  };
}

/**
 * Draws the newest entries at the bottom, or older ones where the person has scrolled to: never beyond the oldest. Where
 * the person wants it, a row tells the day before its first entry.
 */
function areaRows(
  { rows: entryRows, theme, withDays }: Seen,
  area: Area,
  width: number,
  height: number,
): Row[] {
  const shown: Row[] = [];
  const needed = height + area.scroll;
  for (let at = area.entries.length - 1; at >= 0 && shown.length < needed; at--) {
    const entry = area.entries[at];
    if (entry === undefined) continue;
    shown.push(...[...entryRows.of(entry, width)].reverse());
    const before = area.entries[at - 1];
    if (!withDays) continue;
    if (before === undefined || dayOf(before.at) !== dayOf(entry.at))
      shown.push(dayRow(entry.at, theme, width));
  }
  area.scroll = Math.max(0, Math.min(area.scroll, shown.length - height));
  const seen = shown.slice(area.scroll, area.scroll + height).reverse();
  return [...Array.from({ length: height - seen.length }, (): Row => []), ...seen];
}

const dayOf = (at: number): string => new Date(at).toDateString();

function dayRow(at: number, { day }: Theme, width: number): Row {
  const options = { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' } as const;
  const text = ` ${new Date(at).toLocaleDateString('en-GB', options)} `;
  const line = '\u{2500}'.repeat(Math.max(0, Math.floor((width - text.length) / 2)));
  return fitRow([span(`${line}${text}${line}`, day)], width, day);
}

/** Who is in the conversation, right of it. */
function withUsers(rows: readonly Row[], { areas, theme }: Seen, width: number): Row[] {
  const { users } = areas.current;
  return rows.map((row, at) => {
    const isLast = at === rows.length - 1 && users.length > rows.length;
    const name = isLast ? `and ${users.length - at} more` : cleanLine(users[at] ?? '');
    return [
      ...fitRow(row, width),
      span('\u{2502}', theme.day),
      ...fitRow([span(name, isLast ? theme.mark : nameStyle(theme, name))], USERS_WIDTH - 1),
    ];
  });
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
    ...(current.scroll > 0 ? [span(` \u{2193}${current.unread > 0 ? current.unread : ''}`, alert)] : []),
  ];
  const busy = areas.list.flatMap(({ title, unread, mentioned }, at) =>
    unread === 0 || at + 1 === number ? [] : [{ text: `${at + 1}:${cleanLine(title)} ${unread}`, mentioned }],
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
  /** By cluster: thousands of the same one may have been pasted. */
  const known = new Map<string, { readonly shown: string; readonly width: number }>();
  for (const { text } of clustersOf(typed.text)) {
    const isEnd = text === '\n' || text === '\r\n';
    const { shown, width } = known.get(text) ?? shownAs(isEnd ? '' : cleanLine(text));
    known.set(text, { shown, width });
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

const shownAs = (shown: string) => ({ shown, width: widthOf(shown) });

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
