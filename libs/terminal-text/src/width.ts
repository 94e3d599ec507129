/** The width of texts in columns of a terminal. */

/** The characters that a terminal shows as one. */
export interface Cluster {
  readonly text: string;
  /** Width in columns. */
  readonly width: number;
  /**
   * Whether every terminal shows it in this width. If not, the cursor is positioned again after the cluster.
   */
  readonly sure: boolean;
}

/** Ranges of code points with two columns that are not emoji (East Asian Width W and F). */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18d08],
  [0x1aff0, 0x1b2fb],
  [0x1f200, 0x1f265],
  [0x20000, 0x3fffd],
];

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
/**
 * Characters without a column of their own: marks, format characters, and the vowels and ends of Hangul
 * syllables.
 */
const NO_COLUMN = /^[\p{Mn}\p{Me}\p{Cf}\u{1160}-\u{11ff}\u{d7b0}-\u{d7ff}]$/u;
const PICTURE = /^\p{Emoji_Presentation}|\u{fe0f}|^\p{Regional_Indicator}{2}|\u{200d}/u;
const SURE =
  /^[\x20-\x7e\u{a1}-\u{2ff}\u{3041}-\u{3096}\u{30a1}-\u{30fa}\u{4e00}-\u{9fff}\u{ac00}-\u{d7a3}]$/u;

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Splits a text into the characters that a terminal shows. */
export function clustersOf(text: string): Cluster[] {
  if (PRINTABLE_ASCII.test(text)) return [...text].map((letter) => ({ text: letter, width: 1, sure: true }));
  /** Key: text of a cluster. A hostile text may repeat a cluster thousands of times. */
  const known = new Map<string, Cluster>();
  const clusters: Cluster[] = [];
  for (const { segment } of segmenter.segment(text)) {
    let cluster = known.get(segment);
    if (cluster === undefined) {
      cluster = { text: segment, width: widthOfCluster(segment), sure: SURE.test(segment) };
      known.set(segment, cluster);
    }
    clusters.push(cluster);
  }
  return clusters;
}

export const widthOf = (text: string): number =>
  PRINTABLE_ASCII.test(text)
    ? text.length
    : clustersOf(text).reduce((width, cluster) => width + cluster.width, 0);

function widthOfCluster(cluster: string): number {
  if (PICTURE.test(cluster)) return 2;
  let width = 0;
  for (const letter of cluster)
    if (!NO_COLUMN.test(letter)) width += isWide(letter.codePointAt(0) ?? 0) ? 2 : 1;
  return width;
}

const isWide = (code: number): boolean => WIDE.some(([from, to]) => code >= from && code <= to);

/** The text shortened to this many columns; a shortened text ends with "…". */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let short = '';
  let taken = 0;
  for (const cluster of clustersOf(text)) {
    if (taken + cluster.width > width - 1) break;
    short += cluster.text;
    taken += cluster.width;
  }
  return `${short}\u{2026}`;
}
