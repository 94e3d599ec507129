/** What a terminal shows, with its colours, as a picture. */
import { clustersOf } from '@cim/terminal-text';

const CELL = { width: 8.4, height: 18 };
const EDGE = 12;
const FOREGROUND = '#d4d4d4';
const BACKGROUND = '#1e1e1e';
/** The 16 colours that a theme names. */
const COLOURS = [
  ...['#3b3b3b', '#f14c4c', '#23d18b', '#e5e510', '#5c9df5', '#d670d6', '#29b8db', '#e5e5e5'],
  ...['#808080', '#ff7b72', '#56d364', '#f5f543', '#79b8ff', '#e08fe0', '#6fd7ef', '#ffffff'],
];

interface Style {
  readonly fore?: string;
  readonly back?: string;
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly italic?: boolean;
  readonly underline?: boolean;
  readonly inverse?: boolean;
}

interface Shown {
  readonly columns: number;
  readonly rows: number;
  readonly cursor: { readonly column: number; readonly row: number };
}

/** @param screen as `tmux capture-pane -e` writes it: text, and SGR */
export function svgOf(screen: string, { columns, rows, cursor }: Shown): string {
  const width = Math.ceil(columns * CELL.width + 2 * EDGE);
  const height = rows * CELL.height + 2 * EDGE;
  let style: Style = {};
  const drawn = screen.split('\n').map((line, row) => {
    const pieces: string[] = [];
    let column = 0;
    const [first = '', ...more] = line.split('\u001b[');
    for (const [at, piece] of [first, ...more].entries()) {
      const end = at === 0 ? -1 : piece.indexOf('m');
      if (at > 0) style = styled(style, piece.slice(0, end).split(/[;:]/).map(Number));
      const clusters = clustersOf(piece.slice(end + 1));
      const cells = clusters.reduce((sum, one) => sum + one.width, 0);
      const text = clusters.map((one) => one.text).join('');
      if (cells > 0) pieces.push(pieceOf(text, column, cells, row, style));
      column += cells;
    }
    return pieces.join('');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<rect width="100%" height="100%" rx="6" fill="${BACKGROUND}"/>
<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14">
${drawn.map((row) => `<g>${row}</g>`).join('\n')}
</g>
<rect x="${(EDGE + cursor.column * CELL.width).toFixed(1)}" y="${EDGE + cursor.row * CELL.height}" width="${CELL.width}" height="${CELL.height}" fill="${FOREGROUND}" opacity="0.7"/>
</svg>
`;
}

/** The rows of the text in a picture. */
export const textOf = (svg: string): string =>
  [...svg.matchAll(/^<g>(.*)<\/g>$/gm)]
    .map(([, row = '']) =>
      row.replace(/<[^<>]*>/g, '').replace(/&(lt|gt|amp);/g, (_, name) => NAMES[String(name)] ?? ''),
    )
    .map((row) => row.replaceAll('\u00a0', ' ').trimEnd())
    .join('\n')
    .trimEnd();

const NAMES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&' };
/** A blank at the edge of a piece is drawn only when it is one that does not break. */
const escaped = (text: string): string =>
  text
    .replaceAll(' ', '\u00a0')
    .replace(/[<>&]/g, (sign) => (sign === '<' ? '&lt;' : sign === '>' ? '&gt;' : '&amp;'));

function pieceOf(text: string, column: number, cells: number, row: number, style: Style): string {
  const { bold, dim, italic, underline, inverse } = style;
  const [fore, back] = inverse
    ? [style.back ?? BACKGROUND, style.fore ?? FOREGROUND]
    : [style.fore ?? FOREGROUND, style.back];
  const x = (EDGE + column * CELL.width).toFixed(1);
  const wide = (cells * CELL.width).toFixed(1);
  const y = EDGE + row * CELL.height;
  const behind =
    back === undefined
      ? ''
      : `<rect x="${x}" y="${y}" width="${wide}" height="${CELL.height}" fill="${back}"/>`;
  const looks = [
    `fill="${fore}"`,
    ...(bold === true ? ['font-weight="bold"'] : []),
    ...(dim === true ? ['opacity="0.6"'] : []),
    ...(italic === true ? ['font-style="italic"'] : []),
    ...(underline === true ? ['text-decoration="underline"'] : []),
  ].join(' ');
  return `${behind}<text x="${x}" y="${y + 14}" textLength="${wide}" ${looks}>${escaped(text)}</text>`;
}

/** The style behind one SGR sequence. */
function styled(before: Style, [code = 0, ...rest]: readonly number[]): Style {
  const [after, left] = changed(before, code, rest);
  return left.length === 0 ? after : styled(after, left);
}

function changed(before: Style, code: number, rest: readonly number[]): [Style, readonly number[]] {
  const { fore, back, ...other } = before;
  if (code === 38 || code === 48) {
    const isIndex = rest[0] === 5;
    const colour = isIndex ? indexed(rest[1] ?? 0) : `rgb(${rest.slice(1, 4).join()})`;
    const left = rest.slice(isIndex ? 2 : 4);
    return [{ ...before, [code === 38 ? 'fore' : 'back']: colour }, left];
  }
  const colour = COLOURS[(code % 10) + (code >= 90 ? 8 : 0)] ?? FOREGROUND;
  if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) return [{ ...before, fore: colour }, rest];
  if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) return [{ ...before, back: colour }, rest];
  if (code === 39) return [{ ...other, ...(back !== undefined && { back }) }, rest];
  if (code === 49) return [{ ...other, ...(fore !== undefined && { fore }) }, rest];
  return [code === 0 ? {} : { ...before, ...SWITCHES[code] }, rest];
}

const SWITCHES: Readonly<Record<number, Style>> = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  22: { bold: false, dim: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
};

/** A colour of the 256. */
function indexed(n: number): string {
  if (n < 16) return COLOURS[n] ?? FOREGROUND;
  if (n >= 232)
    return `rgb(${Array(3)
      .fill(8 + (n - 232) * 10)
      .join()})`;
  const level = (at: number): number => (at === 0 ? 0 : 55 + at * 40);
  const at = n - 16;
  return `rgb(${[Math.floor(at / 36), Math.floor(at / 6) % 6, at % 6].map(level).join()})`;
}
