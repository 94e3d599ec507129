/**
 * Makes texts of others harmless for a terminal: it removes control characters, escapes, and characters that
 * reorder or hide text. Each of them becomes U+FFFD, so that a reader sees that something was there.
 */

/** Joins several emoji into one picture. It is the only invisible character that may stay, and only there. */
const JOINER = '\u{200d}';
const BETWEEN_PICTURES =
  /(?<=[\p{Extended_Pictographic}\u{fe0f}\u{1f3fb}-\u{1f3ff}])\u{200d}(?=\p{Extended_Pictographic})/gu;

/** Control and format characters (bidi, zero-width, tags), line separators, halves of pairs, private use. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\u{115f}\u{1160}\u{3164}\u{ffa0}]/gu;

/** More marks on one letter than any script needs; they would cover the lines around. */
const PILED_MARKS = /(\p{M}{8})\p{M}+/gu;

const SHOWN_LINES = 20;

/** The text as one line. */
export function cleanLine(text: string): string {
  return text
    .replace(/\r\n|[\r\n]/g, '\u{23ce}')
    .replace(/\t/g, ' ')
    .split(BETWEEN_PICTURES)
    .map((part) => part.replace(UNSAFE, '\u{fffd}'))
    .join(JOINER)
    .replace(PILED_MARKS, '$1');
}

/** The lines of a text without empty ones at its end; at most 20 lines, and then a remark. */
export function cleanLines(text: string): string[] {
  const lines = text.split(/\r\n|[\r\n]/);
  while (lines.length > 1 && lines.at(-1) === '') lines.pop();
  const shown = lines.slice(0, SHOWN_LINES).map(cleanLine);
  if (lines.length > SHOWN_LINES) shown.push(`\u{2026} ${lines.length - SHOWN_LINES} more lines`);
  return shown;
}
