/**
 * Deepest nesting of a JSON value in a content. The limit protects readers that walk the value by recursion.
 */
export const JSON_LEVELS = 100;

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/** Counts the levels of arrays and objects in valid JSON (UTF-8). */
export function jsonLevels(json: Uint8Array): number {
  let level = 0;
  let deepest = 0;
  let inText = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i] ?? 0;
    if (byte === QUOTE) inText = !inText;
    else if (inText) {
      // The byte after a backslash does not end the text.
      if (byte === BACKSLASH) i++;
    } else if (OPENING.has(byte)) deepest = Math.max(deepest, ++level);
    else if (CLOSING.has(byte)) level--;
  }
  return deepest;
}
