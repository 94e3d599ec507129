/** Light, dark, or as the device is: kept by the browser. */
export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];
const KEY = 'cim-web theme';

export const theme = (): Theme => THEMES.find((one) => one === localStorage.getItem(KEY)) ?? 'auto';

export function setTheme(to: Theme): void {
  localStorage.setItem(KEY, to);
  applyTheme();
}

export function applyTheme(): void {
  document.documentElement.dataset['theme'] = theme();
}
