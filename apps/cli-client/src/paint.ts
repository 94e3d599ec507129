/** Colours of a terminal, or none. */
export interface Paint {
  dim(text: string): string;
  name(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  private(text: string): string;
  /** A word that was searched for. */
  hit(text: string): string;
}

const ansi =
  (code: number) =>
  (text: string): string =>
    `\u001b[${code}m${text}\u001b[0m`;
const plain = (text: string): string => text;

export const createPaint = (colour: boolean): Paint =>
  colour
    ? { dim: ansi(2), name: ansi(36), good: ansi(32), bad: ansi(31), private: ansi(35), hit: ansi(7) }
    : { dim: plain, name: plain, good: plain, bad: plain, private: plain, hit: (text) => `[${text}]` };
