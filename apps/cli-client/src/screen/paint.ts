import type { Theme } from '../options/theme.ts';

/** Colours of lines, or none. */
export interface Paint {
  dim(text: string): string;
  name(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  private(text: string): string;
  /** A word that was searched for. */
  hit(text: string): string;
}

/** @param theme as it is now; undefined for none at all, as in a pipe */
export function createPaint(theme: () => Theme | undefined): Paint {
  const styled = (text: string, style = ''): string =>
    style === '' ? text : `\u001b[${style}m${text}\u001b[0m`;
  return {
    dim: (text) => styled(text, theme()?.mark),
    name: (text) => styled(text, theme()?.name),
    good: (text) => styled(text, theme()?.good),
    bad: (text) => styled(text, theme()?.failed),
    private: (text) => styled(text, theme()?.private),
    hit: (text) => ((theme()?.hit ?? '') === '' ? `[${text}]` : styled(text, theme()?.hit)),
  };
}

/** For files, pipes and tests. */
export const plainPaint: Paint = createPaint(() => undefined);
