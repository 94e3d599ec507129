/** Figures as people read them. */

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;
const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;

export const percent = (share: number): string => `${Math.round(share * 100)}%`;

export const count = (value: number): string => value.toLocaleString('en');

/** A rate, with a digit behind the point while it is small. */
export const rate = (value: number): string =>
  value === 0 || value >= 10 ? count(Math.round(value)) : value.toFixed(1);

export function bytes(value: number): string {
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit] ?? ''}`;
}

export function milliseconds(value: number): string {
  if (value >= 10_000) return `${Math.round(value / 1_000)} s`;
  if (value >= 1_000) return `${(value / 1_000).toFixed(1)} s`;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

/** How long it is since a time, such as `3 h`. */
export function since(time: string, now: number = Date.now()): string {
  const s = Math.max(0, Math.round((now - Date.parse(time)) / 1_000));
  if (s < MINUTE_S) return `${s} s`;
  if (s < HOUR_S) return `${Math.floor(s / MINUTE_S)} min`;
  if (s < 2 * DAY_S) return `${Math.floor(s / HOUR_S)} h`;
  return `${Math.floor(s / DAY_S)} d`;
}

/** A time of the clock of whoever reads the page. */
export const clock = (time: string): string =>
  new Date(time).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
