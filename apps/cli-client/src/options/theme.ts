import { foldName } from '@cim/protocol';

/** Styles by what they are for, as parameters of SGR; '' for none. */
export interface Theme {
  readonly time: string;
  /** The user's own name before what it says. */
  readonly own: string;
  /** What stands behind a message, and notices of this client. */
  readonly mark: string;
  readonly failed: string;
  /** The user's name in what others say. */
  readonly mention: string;
  readonly day: string;
  readonly status: string;
  readonly alert: string;
  readonly prompt: string;
  /** A word that was searched for. */
  readonly hit: string;
  /** In lines: names, that a message is stored, that it is private. */
  readonly name: string;
  readonly good: string;
  readonly private: string;
  /** Of other users: each has one of these. */
  readonly names: readonly string[];
}

/** For a dark background. */
const DARK: Theme = {
  time: '2',
  own: '1',
  mark: '2',
  failed: '31',
  mention: '1;33',
  day: '2',
  status: '7',
  alert: '1;7;31',
  prompt: '36',
  hit: '7',
  name: '36',
  good: '32',
  private: '35',
  names: ['31', '32', '33', '34', '35', '36', '91', '92', '93', '94', '95', '96'],
};

/** For a white background: nothing bright, nothing yellow, and no dim text. */
const LIGHT: Theme = {
  time: '38;5;242',
  own: '1',
  mark: '38;5;242',
  failed: '38;5;160',
  mention: '1;48;5;229',
  day: '38;5;242',
  status: '48;5;254;38;5;235',
  alert: '1;38;5;160;48;5;254',
  prompt: '38;5;25',
  hit: '48;5;229',
  name: '38;5;25',
  good: '38;5;28',
  private: '38;5;90',
  names: [
    '38;5;124',
    '38;5;28',
    '38;5;94',
    '38;5;25',
    '38;5;90',
    '38;5;30',
    '38;5;130',
    '38;5;64',
    '38;5;61',
    '38;5;162',
  ],
};

/** No colours: what is inverse or bold says so still. */
const MONO: Theme = {
  time: '',
  own: '',
  mark: '',
  failed: '',
  mention: '1',
  day: '',
  status: '7',
  alert: '7',
  prompt: '',
  hit: '',
  name: '',
  good: '',
  private: '',
  names: [''],
};

export const BUILT_IN = { dark: DARK, light: LIGHT, mono: MONO } as const;

/** The same for the same name, in every terminal. */
export function nameStyle({ names }: Theme, name: string): string {
  let hash = 0;
  for (const letter of foldName(name)) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 65_521;
  return names[hash % names.length] ?? '';
}
