import { parseUserName } from '@cim/protocol';
import { MARK_MODES, type MarkMode } from '../messages/marks.ts';

/** What a person has chosen for all terminals of this machine. */
export interface Preferences {
  readonly theme: string;
  /** Rings when somebody names the user, or writes to it alone. */
  readonly bell: boolean;
  /** Shows who is in a conversation, where the window is wide enough. */
  readonly users: boolean;
  readonly days: boolean;
  readonly marks: MarkMode;
  readonly ignore: readonly string[];
}

/** One of them. */
export interface Option<T> {
  readonly about: string;
  readonly fallback: T;
  /** What it takes, in words. */
  readonly takes: string;
  readonly show: (value: T) => string;
  /** Reads what was typed; undefined: it is none. */
  readonly parse: (text: string) => T | undefined;
  /** Whether the file holds a value of it. */
  readonly is: (value: unknown) => value is T;
}

const yesOrNo = (about: string): Option<boolean> => ({
  about,
  fallback: true,
  takes: 'on or off',
  show: (value) => (value ? 'on' : 'off'),
  parse: (text) => (text === 'on' ? true : text === 'off' ? false : undefined),
  is: (value) => typeof value === 'boolean',
});

const isText = (value: unknown): value is string => typeof value === 'string';

/** In the order of `:set`. */
export const OPTIONS: { readonly [K in keyof Preferences]: Option<Preferences[K]> } = {
  theme: {
    about: 'the colours',
    fallback: 'dark',
    takes: 'the name of a theme',
    show: (value) => value,
    parse: (text) => text,
    is: isText,
  },
  bell: yesOrNo('the bell, when somebody names you or writes to you alone'),
  users: yesOrNo('who is in a conversation, beside it where there is room'),
  days: yesOrNo('a row before the first message of each day'),
  marks: {
    about: 'how far your lines have come',
    fallback: 'on',
    takes: MARK_MODES.join(', '),
    show: (value) => value,
    parse: (text) => MARK_MODES.find((mode) => mode === text),
    is: (value): value is MarkMode => MARK_MODES.some((mode) => mode === value),
  },
  ignore: {
    about: 'users of whom nothing is shown',
    fallback: [],
    takes: 'names with commas between them, or none',
    show: (value) => (value.length === 0 ? 'none' : value.join(', ')),
    parse: namesOf,
    is: (value): value is string[] => Array.isArray(value) && value.every(isText),
  },
};

export const OPTION_NAMES = Object.keys(OPTIONS) as readonly (keyof Preferences)[];

export const optionOf = (name: string): keyof Preferences | undefined =>
  OPTION_NAMES.find((one) => one === name);

function namesOf(text: string): string[] | undefined {
  if (text === 'none') return [];
  const names = text
    .split(/[,\s]+/)
    .filter((one) => one !== '')
    .map((one) => parseUserName(one));
  return names.every((name) => name.ok) ? names.map((name) => name.name) : undefined;
}
