import { parseUserName } from '@cim/protocol';
import { EMOJI_PAGES, withEmoji } from './emoji.ts';
import { MARK_MODES, type MarkMode } from './marks.ts';

/** What a typed line means. */
export type Command =
  | { readonly kind: 'nothing' | 'all' | 'online' | 'quit' | 'info' | 'answerer-on' | 'answerer-off' }
  | { readonly kind: 'search'; readonly word: string }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'emoji'; readonly page: number }
  | { readonly kind: 'history'; readonly count: number }
  /** Without a mode: which one is on? */
  | { readonly kind: 'marks'; readonly mode?: MarkMode }
  /** Later, as if it were typed then. */
  | { readonly kind: 'delay'; readonly line: string; readonly seconds: number }
  /** `to` is a user id in digits or a name. */
  | { readonly kind: 'private'; readonly to: string; readonly text: string }
  | { readonly kind: 'group'; readonly text: string }
  /** Not understood: what to do instead, in one line. */
  | { readonly kind: 'problem'; readonly text: string /** It was a message. */; readonly unsent?: true };

/** Command, what it takes, what it does; in the order of `:all`. */
const COMMANDS = [
  [':all', '', 'these commands'],
  [':olu', '', 'who is online'],
  [':pu', 'PREFIX', 'who of them has a name that begins so'],
  [':q', 'WORD', 'search what was said here'],
  [':q', '', 'quit; :q! too'],
  [':info', '', 'about this client'],
  [
    ':marks',
    'on|less|off',
    'tell how lines of yours fare: queued, \u{2713} stored, \u{2713}\u{2713} delivered',
  ],
  [':emoji', '[PAGE]', 'short names for pictures'],
  [':delay', 'TEXT SECONDS', 'say it later'],
  [':ai', '', 'an automatic answerer answers you, nothing is sent'],
  [':qai', '', 'no more of it'],
  [':say', 'TEXT', 'say it to everybody as it is, with ;; and all'],
] as const;

export const COMMAND_NAMES: readonly string[] = [...new Set(COMMANDS.map(([name]) => name))];

/** For `:all`. */
export const commandHelp = (): string[] => [
  'what you type goes to everybody; NAME;;TEXT or ID;;TEXT to one; a first ":" is sent when you type "::"',
  ...COMMANDS.map(([name, takes, does]) => `  ${`${name} ${takes}`.padEnd(22)}${does}`),
];

const MAX_DELAY_S = 86_400;
/** A text that begins with a short name is a text. */
const LEADING_EMOJI = /^:[a-z_]+:/;

export function parseLine(line: string): Command {
  const trimmed = line.trim();
  if (trimmed === '') return { kind: 'nothing' };
  if (trimmed.startsWith('::')) return { kind: 'group', text: withEmoji(trimmed.slice(1)) };
  if (trimmed.startsWith(':') && !(LEADING_EMOJI.test(trimmed) && withEmoji(trimmed) !== trimmed))
    return parseCommand(trimmed);
  return parseText(trimmed);
}

function parseText(line: string): Command {
  // At the first: a text may hold more of them.
  const at = line.indexOf(';;');
  if (at < 0) return { kind: 'group', text: withEmoji(line) };
  const to = line.slice(0, at).trim();
  const text = line.slice(at + 2).trim();
  const name = parseUserName(to);
  // Never to everybody: it was meant for one.
  if (!name.ok)
    return {
      kind: 'problem',
      unsent: true,
      text: `not sent: what stands before ";;" is no name or id; ":say ..." says a text with ";;" to everybody`,
    };
  if (text === '') return { kind: 'problem', unsent: true, text: `not sent: nothing stands after "${to};;"` };
  return { kind: 'private', to: name.name, text: withEmoji(text) };
}

function parseCommand(line: string): Command {
  const space = line.search(/\s/);
  const name = space < 0 ? line : line.slice(0, space);
  const rest = space < 0 ? '' : line.slice(space).trim();
  switch (name) {
    case ':all':
      return { kind: 'all' };
    case ':olu':
      return { kind: 'online' };
    case ':q!':
      return { kind: 'quit' };
    case ':q':
      return rest === '' ? { kind: 'quit' } : { kind: 'search', word: rest };
    case ':pu':
      return rest === ''
        ? problem(':pu takes the beginning of a name, as in ":pu al"')
        : { kind: 'prefix', prefix: rest };
    case ':info':
      return { kind: 'info' };
    case ':history':
      return parseHistory(rest);
    case ':marks':
      return parseMarks(rest);
    case ':emoji':
      return parseEmoji(rest);
    case ':delay':
      return parseDelay(rest);
    case ':ai':
      return { kind: 'answerer-on' };
    case ':qai':
      return { kind: 'answerer-off' };
    case ':say':
      return rest === '' ? problem(':say takes a text') : { kind: 'group', text: withEmoji(rest) };
    default:
      return problem(`there is no command "${name}"; ":all" lists them, and ":${name}" says it`);
  }
}

function parseHistory(rest: string): Command {
  const count = rest === '' ? 20 : Number(rest);
  return Number.isInteger(count) && count >= 1 && count <= 100
    ? { kind: 'history', count }
    : problem(':history takes a number from 1 to 100');
}

function parseMarks(rest: string): Command {
  if (rest === '') return { kind: 'marks' };
  const mode = MARK_MODES.find((one) => one === rest);
  return mode === undefined ? problem(`:marks takes ${MARK_MODES.join(', ')}`) : { kind: 'marks', mode };
}

function parseEmoji(rest: string): Command {
  const page = rest === '' ? 1 : Number(rest);
  return Number.isInteger(page) && page >= 1 && page <= EMOJI_PAGES
    ? { kind: 'emoji', page }
    : problem(`:emoji takes a page from 1 to ${EMOJI_PAGES}`);
}

function parseDelay(rest: string): Command {
  const match = /^(.*\S)\s+(\d+)$/s.exec(rest);
  const line = match?.[1];
  const seconds = Number(match?.[2]);
  if (line === undefined || seconds < 1 || seconds > MAX_DELAY_S)
    return problem(`:delay takes a text and 1 to ${MAX_DELAY_S} seconds, as in ":delay good night 60"`);
  const later = parseLine(line);
  if (later.kind === 'problem') return later;
  return later.kind === 'group' || later.kind === 'private'
    ? { kind: 'delay', line, seconds }
    : problem(':delay takes a text to be said, no command');
}

const problem = (text: string): Command => ({ kind: 'problem', text });
