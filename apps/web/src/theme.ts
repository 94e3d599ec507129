/** Light, dark, or as the device is: kept by the browser. */
export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];
const KEY = 'cim-web theme';

export const theme = (): Theme => THEMES.find((one) => one === localStorage.getItem(KEY)) ?? 'auto';

export function setTheme(to: Theme): void {
  localStorage.setItem(KEY, to);
  applyTheme();
}

const dark = matchMedia('(prefers-color-scheme: dark)');

/** Shows the page in the colours that the person has chosen, or in those of the device, also when the device changes them. */
export function applyTheme(): void {
  const chosen = theme();
  document.documentElement.dataset['theme'] = chosen === 'auto' ? (dark.matches ? 'dark' : 'light') : chosen;
  dark.onchange = applyTheme;
}
