import type { JSX } from 'preact';

const PATHS = {
  send: 'M4 12 20 4l-5 16-3.500-6.500z M11.500 13.500 20 4',
  back: 'M15 5l-7 7 7 7',
  add: 'M12 5v14 M5 12h14',
  menu: 'M4 7h16 M4 12h16 M4 17h16',
  search: 'M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13z M15.500 15.500 20 20',
  close: 'M6 6l12 12 M18 6 6 18',
  up: 'M6 15l6-6 6 6',
  down: 'M6 9l6 6 6-6',
  people:
    'M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7z M2.500 20c0-3.500 3-6 6.500-6s6.500 2.500 6.500 6 M16 4.500a3.500 3.500 0 0 1 0 6.500 M18 14.500c2.200.9 3.500 3 3.500 5.500',
  smile:
    'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M8.500 14.500c.8 1.200 2 2 3.500 2s2.700-.8 3.500-2 M9 9.500v.5 M15 9.500v.5',
  reply: 'M10 6 4 12l6 6 M4.500 12H14c3.500 0 6 2.500 6 6',
  more: 'M12 5.500v.01 M12 12v.01 M12 18.500v.01',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M12 7v5l3 2',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  checks: 'M2 12.500 6.500 17 15 8 M11.500 16l1 1L21.500 8',
  alert: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M12 7.500v5.500 M12 16.500v.01',
  file: 'M7 3.500h7l4 4v13H7z M14 3.500v4h4 M10 12h5 M10 16h5',
  chat: 'M12 4c-5 0-9 3.300-9 7.500 0 2.400 1.300 4.500 3.400 5.900L5.500 21l4.200-2.200c.7.1 1.500.2 2.300.2 5 0 9-3.300 9-7.500S17 4 12 4z',
} as const;

export type IconName = keyof typeof PATHS;

/** A drawing of 24 × 24 beside or in place of words, which say the same to those who cannot see it. */
export const Icon = ({ name }: { readonly name: IconName }): JSX.Element => (
  <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true">
    <path d={PATHS[name]} />
  </svg>
);
