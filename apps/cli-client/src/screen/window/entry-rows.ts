import { foldName } from '@cim/protocol';
import { cleanLine, cleanLines, widthOf } from '@cim/terminal-text';
import type { Entry, Spoken } from './entry.ts';
import { type Row, rowOf, type Span, span, wrapRow } from './rows.ts';
import { nameStyle, type Theme } from '../../options/theme.ts';

/** Columns of the time, and of what stands below it. */
const INDENT = 6;

/** Draws entries in rows, and remembers the rows of each until the width or the theme changes. */
export class EntryRows {
  readonly #theme: () => Theme;
  readonly #me: string;
  /** An entry that changes is another object: an old one goes by itself. */
  readonly #rows = new WeakMap<
    Entry,
    { readonly width: number; readonly theme: Theme; readonly rows: readonly Row[] }
  >();

  /** @param me name of the user, to be seen where others write it */
  constructor(theme: () => Theme, me: string) {
    this.#theme = theme;
    this.#me = me;
  }

  of(entry: Entry, width: number): readonly Row[] {
    const known = this.#rows.get(entry);
    const theme = this.#theme();
    if (known?.width === width && known.theme === theme) return known.rows;
    const rows = entry.kind === 'remark' ? remarkRows(entry.line, width) : this.#said(entry, width);
    this.#rows.set(entry, { width, theme, rows });
    return rows;
  }

  #said(spoken: Spoken, width: number): Row[] {
    const theme = this.#theme();
    const { own, from } = spoken;
    if (spoken.event === true) {
      const line = `* ${brief(cleanLine(from))} ${cleanLine(spoken.text)}`;
      return wrapRow([span(`${clock(spoken.at)} `, theme.time), span(line, theme.mark)], width, INDENT);
    }
    // What `:me` says, as any other client shows it too.
    const acts = `* ${from} `;
    const isAct = spoken.recalled !== true && spoken.text.startsWith(acts);
    const said = isAct ? spoken.text.slice(acts.length) : spoken.text;
    const lines = spoken.recalled === true ? ['(taken back)'] : cleanLines(said);
    const name = span(
      isAct ? `* ${brief(cleanLine(from))} ` : `${brief(cleanLine(from))}: `,
      own ? theme.own : nameStyle(theme, from),
    );
    const [first = '', ...more] = lines;
    const last = this.#behind(spoken);
    const rowsOf = (spans: Row, isLast: boolean): Row[] =>
      wrapRow(isLast ? [...spans, ...last] : spans, width, INDENT);
    const head = [span(`${clock(spoken.at)} `, theme.time), name];
    return [
      ...rowsOf([...head, ...this.#text(spoken, first)], more.length === 0),
      ...more.flatMap((line, at) =>
        rowsOf([span(' '.repeat(INDENT)), ...this.#text(spoken, line)], at === more.length - 1),
      ),
    ];
  }

  #text(spoken: Spoken, line: string): Row {
    if (spoken.recalled === true) return [span(line, this.#theme().mark)];
    return spoken.own ? [span(line)] : marked(line, this.#me, this.#theme().mention);
  }

  /** What stands behind the text: that it was changed, reactions, how far it has come. */
  #behind({ edited, recalled, reactions, mark, why = '' }: Spoken): Span[] {
    const theme = this.#theme();
    const counts = new Map<string, number>();
    for (const reaction of reactions?.values() ?? []) counts.set(reaction, (counts.get(reaction) ?? 0) + 1);
    return [
      ...(edited === true && recalled !== true ? [span(' (changed)', theme.mark)] : []),
      ...[...counts].map(([reaction, n]) => span(`  ${brief(cleanLine(reaction))} ${n}`, theme.mark)),
      ...(mark === undefined ? [] : [MARKS[mark](brief(cleanLine(why)), theme)]),
    ];
  }
}

/** A line of two columns goes on in its second one, where that has room. */
function remarkRows(line: string, width: number): Row[] {
  const row = rowOf(line);
  const text = row.map((one) => one.text).join('');
  const [first = ''] = /^ {2}\S+(?: \S+)* {2,}(?=\S)/.exec(text) ?? [];
  const column = widthOf(first);
  return wrapRow(row, width, column === 0 ? 2 : column * 2 < width ? column : 4);
}

const MARKS: Readonly<Record<NonNullable<Spoken['mark']>, (why: string, theme: Theme) => Span>> = {
  sending: (_, { mark }) => span(' \u{b7}', mark),
  stored: (_, { mark }) => span(' \u{2713}', mark),
  delivered: (_, { mark }) => span(' \u{2713}\u{2713}', mark),
  failed: (why, { failed }) => span(` \u{2717} not sent: ${why}`, failed),
};

const WORD = /[\p{L}\p{M}\p{Nd}_.-]+/gu;

/** Whether a text names somebody, as a word of its own. A dot or dash behind the name is no part of it. */
export const names = (text: string, name: string): boolean => {
  const wanted = foldName(name);
  return (text.match(WORD) ?? []).some((word) => isName(word, wanted));
};

function isName(word: string, folded: string): boolean {
  if (word.length > 256) return false;
  const whole = foldName(word);
  if (whole === folded) return true;
  let end = whole.length;
  while (end > 0 && '.-'.includes(whole[end - 1] ?? ' ')) end--;
  return whole.slice(0, end) === folded;
}

function marked(line: string, name: string, style: string): Row {
  const wanted = foldName(name);
  const spans: Span[] = [];
  let at = 0;
  for (const { 0: word, index } of line.matchAll(WORD)) {
    if (!isName(word, wanted)) continue;
    spans.push(span(line.slice(at, index)), span(word, style));
    at = index + word.length;
  }
  spans.push(span(line.slice(at)));
  return spans.filter(({ text }) => text !== '');
}

/** What a server of bad will could make endless. */
const brief = (text: string): string => (text.length > 300 ? `${text.slice(0, 300)}\u{2026}` : text);

export function clock(at: number): string {
  const date = new Date(at);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}
