import { foldName } from '@cim/protocol';

/** Styles by what they are for, as parameters of SGR. */
export interface Theme {
  readonly time: string;
  readonly own: string;
  readonly mark: string;
  readonly failed: string;
  readonly mention: string;
  readonly day: string;
  readonly status: string;
  readonly alert: string;
  readonly prompt: string;
  /** Of other users: each has one of these. */
  readonly names: readonly string[];
}

export const COLOURS: Theme = {
  time: '2',
  own: '1',
  mark: '2',
  failed: '31',
  mention: '1;33',
  day: '2',
  status: '7',
  alert: '1;7;31',
  prompt: '36',
  names: ['31', '32', '33', '34', '35', '36', '91', '92', '93', '94', '95', '96'],
};

/** For those who want no colours: what is inverse says so still. */
export const NO_COLOURS: Theme = {
  time: '',
  own: '',
  mark: '',
  failed: '',
  mention: '1',
  day: '',
  status: '7',
  alert: '7',
  prompt: '',
  names: [''],
};

/** The same for the same name, in every terminal. */
export function nameStyle({ names }: Theme, name: string): string {
  let hash = 0;
  for (const letter of foldName(name)) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 65_521;
  return names[hash % names.length] ?? '';
}
