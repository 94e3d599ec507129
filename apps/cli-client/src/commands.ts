import { parseUserName } from '@cim/protocol';
import { cleanLine } from '@cim/terminal-text';
import { EMOJI_PAGES, withEmoji } from './emoji.ts';
import { MARK_MODES, type MarkMode } from './marks.ts';
import { nearest } from './nearest.ts';

/** What a typed line means. */
export type Command =
  | { readonly kind: 'nothing' | 'all' | 'online' | 'quit' | 'info' | 'answerer-on' | 'answerer-off' }
  | { readonly kind: 'search'; readonly word: string }
  /** In the conversation that the person is in, at the server. */
  | { readonly kind: 'find'; readonly word: string }
  /** The newest own message there, and the newest of others. */
  | { readonly kind: 'edit' | 'me'; readonly text: string }
  | { readonly kind: 'react'; readonly reaction: string }
  | { readonly kind: 'help'; readonly name: string }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'emoji'; readonly page: number }
  /** Without `of`: of everybody and of all who wrote to us. */
  | { readonly kind: 'history'; readonly count: number; readonly of?: Whom }
  | { readonly kind: 'groups' | 'devices' | 'recall' | 'blocks' }
  | { readonly kind: 'block' | 'unblock'; readonly name: string }
  /** In this terminal only. */
  | { readonly kind: 'ignores' }
  | { readonly kind: 'ignore' | 'unignore'; readonly name: string }
  | { readonly kind: 'end-device'; readonly device: string }
  | { readonly kind: 'new-group'; readonly name: string; readonly join: 'open' | 'invite' }
  | { readonly kind: 'join'; readonly group: string }
  /** Without a group: the one that was named last. */
  | { readonly kind: 'leave' | 'members'; readonly group?: string }
  | { readonly kind: 'invite'; readonly name: string; readonly group?: string }
  /** Without a mode: which one is on? */
  | { readonly kind: 'marks'; readonly mode?: MarkMode }
  /** Say it in so many seconds. `line`: as it was typed. */
  | { readonly kind: 'delay'; readonly line: string; readonly say: Say; readonly seconds: number }
  | { readonly kind: 'delays' }
  | { readonly kind: 'cancel'; readonly number: number }
  | { readonly kind: 'password' }
  /** Without a value: what is it? Without a name: all of them. */
  | { readonly kind: 'set'; readonly name?: string; readonly value?: string }
  /** Be in another conversation; without one, with everybody. */
  | { readonly kind: 'to'; readonly of?: Whom }
  | Say
  /** Not understood: what to do instead, in one line. */
  | { readonly kind: 'problem'; readonly text: string /** It was a message. */; readonly unsent?: true };

/** Something to be said. */
export type Say =
  /** `to` is a user id in digits or a name. */
  | { readonly kind: 'private'; readonly to: string; readonly text: string }
  /** To everybody. */
  | { readonly kind: 'group'; readonly text: string }
  /** To the conversation that the person is in. */
  | { readonly kind: 'here'; readonly text: string }
  /** To the members of a group: its name or id, without the `#`. */
  | { readonly kind: 'members-only'; readonly group: string; readonly text: string };

/** A user by name or id, or a group by name or id. */
export type Whom = { readonly user: string } | { readonly group: string };

interface Entry {
  /** For `:all`: name and what it takes → what it does. */
  readonly help: readonly (readonly [usage: string, does: string])[];
  readonly parse: (rest: string, isKnown: IsKnown) => Command;
}

/** Whether somebody of that name has been met. */
type IsKnown = (name: string) => boolean;

const MAX_DELAY_S = 30 * 86_400;

/** By name, in the order of `:all`. The one place that knows which commands there are. */
const COMMANDS: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  [':all', { help: [[':all', 'these commands']], parse: () => ({ kind: 'all' }) }],
  [':olu', { help: [[':olu', 'who is online']], parse: () => ({ kind: 'online' }) }],
  [':pu', { help: [[':pu PREFIX', 'who of them has a name that begins so']], parse: parsePrefix }],
  [
    ':history',
    {
      help: [
        [':history [N]', 'the newest messages that the server keeps'],
        [':history NAME [N]', 'what you and NAME said; ":history #GROUP" for a group'],
      ],
      parse: parseHistory,
    },
  ],
  [':groups', { help: [[':groups', 'your groups']], parse: () => ({ kind: 'groups' }) }],
  [
    ':group',
    {
      help: [
        [':group new NAME', 'make a group: you add its members'],
        [':group open NAME', 'make a group that anybody may join'],
      ],
      parse: parseGroup,
    },
  ],
  [
    ':to',
    {
      help: [
        [':to NAME', 'say what follows to NAME; ":to #GROUP" to a group'],
        [':to', 'say it to everybody again'],
      ],
      parse: parseTo,
    },
  ],
  [':join', { help: [[':join ID', 'join an open group']], parse: parseJoin }],
  [
    ':leave',
    { help: [[':leave [#GROUP]', 'leave a group']], parse: (rest) => ({ kind: 'leave', ...ofGroup(rest) }) },
  ],
  [':invite', { help: [[':invite NAME [#GROUP]', 'add somebody to a group']], parse: parseInvite }],
  [
    ':members',
    {
      help: [[':members [#GROUP]', 'who is in a group']],
      parse: (rest) => ({ kind: 'members', ...ofGroup(rest) }),
    },
  ],
  [
    ':devices',
    {
      help: [
        [':devices', 'where you are logged in'],
        [':devices end ID', 'log one of them out'],
      ],
      parse: parseDevices,
    },
  ],
  [':block', { help: [[':block NAME', 'take no private messages of somebody']], parse: parseBlock('block') }],
  [':unblock', { help: [[':unblock NAME', 'take them again']], parse: parseBlock('unblock') }],
  [':blocks', { help: [[':blocks', 'whom you have blocked']], parse: () => ({ kind: 'blocks' }) }],
  [
    ':ignore',
    {
      help: [
        [':ignore NAME', 'show nothing of somebody in this terminal'],
        [':ignore', 'whom you ignore'],
      ],
      parse: (rest) => (rest === '' ? { kind: 'ignores' } : parseBlock('ignore')(rest)),
    },
  ],
  [':unignore', { help: [[':unignore NAME', 'show it again']], parse: parseBlock('unignore') }],
  [':password', { help: [[':password', 'set or change your password; it asks']], parse: parsePassword }],
  [
    ':set',
    {
      help: [
        [':set', 'options: colours, bell and so on'],
        [':set OPTION VALUE', 'change one, for good'],
      ],
      parse: parseSet,
    },
  ],
  [
    ':help',
    {
      help: [[':help COMMAND', 'what a command does']],
      parse: (rest) => (rest === '' ? { kind: 'all' } : { kind: 'help', name: rest }),
    },
  ],
  [
    ':search',
    {
      help: [[':search WORD', 'find what was said in this conversation']],
      parse: (rest) => (rest === '' ? problem(':search takes a word') : { kind: 'find', word: rest }),
    },
  ],
  [':me', { help: [[':me WAVES', 'say what you do: "* alice waves"']], parse: parseWords('me') }],
  [':edit', { help: [[':edit TEXT', 'change what you said last here']], parse: parseWords('edit') }],
  [
    ':react',
    {
      help: [[':react :thumbsup:', 'react to what others said last here']],
      parse: (rest) =>
        rest === ''
          ? problem(':react takes a picture, as in ":react :thumbsup:"')
          : { kind: 'react', reaction: withEmoji(rest) },
    },
  ],
  [':recall', { help: [[':recall', 'take back what you said last']], parse: () => ({ kind: 'recall' }) }],
  [
    ':q',
    {
      help: [
        [':q WORD', 'search what was said here'],
        [':q', 'quit'],
      ],
      parse: (rest) => (rest === '' ? { kind: 'quit' } : { kind: 'search', word: rest }),
    },
  ],
  [':q!', { help: [[':q!', 'quit']], parse: () => ({ kind: 'quit' }) }],
  [':info', { help: [[':info', 'about this client']], parse: () => ({ kind: 'info' }) }],
  [
    ':marks',
    {
      help: [
        [
          ':marks on|less|off',
          'tell how lines of yours fare: queued, \u{2713} stored, \u{2713}\u{2713} delivered',
        ],
      ],
      parse: parseMarks,
    },
  ],
  [':emoji', { help: [[':emoji [PAGE]', 'short names for pictures']], parse: parseEmoji }],
  [
    ':delay',
    {
      help: [[':delay TEXT SECONDS', 'say it later, also when you are gone by then']],
      parse: parseDelay,
    },
  ],
  [':delays', { help: [[':delays', 'what is to be said later']], parse: () => ({ kind: 'delays' }) }],
  [':cancel', { help: [[':cancel N', 'do not say it']], parse: parseCancel }],
  [
    ':ai',
    {
      help: [[':ai', 'an automatic answerer answers you, nothing is sent']],
      parse: () => ({ kind: 'answerer-on' }),
    },
  ],
  [':qai', { help: [[':qai', 'no more of it']], parse: () => ({ kind: 'answerer-off' }) }],
  [':say', { help: [[':say TEXT', 'say it to everybody as it is, with ;; and / and all']], parse: parseSay }],
]);

/** For Tab. */
export const COMMAND_NAMES: readonly string[] = [...COMMANDS.keys()];

/** For `:all`. */
export const commandHelp = (): string[] => [
  'what you type goes to everybody, or where :to has led; NAME;;TEXT to one, #GROUP;;TEXT to a group; a first ":" is sent when you type "::"',
  ...[...COMMANDS.values()].flatMap(({ help }) =>
    help.map(([usage, does]) => `  ${usage.padEnd(22)}${does}`),
  ),
];

/** For `:help`: what a command does, or which one was meant. */
export function helpOf(given: string): string[] {
  const name = given.startsWith(':') ? given : `:${given}`;
  const lines = COMMANDS.get(name)?.help.map(([usage, does]) => `  ${usage.padEnd(22)}${does}`);
  return lines ?? [`* there is no command "${cleanLine(brief(name))}"${meant(name)}; ":all" lists them`];
}

const meant = (name: string): string => {
  const near = nearest(name, COMMAND_NAMES);
  return near === undefined ? '' : ` (is it "${near}"?)`;
};

/** A text that begins with a short name is a text. */
const LEADING_EMOJI = /^:[a-z_]+:/;
/** Blanks, and what no eye sees: a command behind them is a command. */
const UNSEEN_START = /^[\s\p{Cc}\p{Cf}]+/u;
/** As other keyboards write them: full-width, small, and the Greek, Arabic and reversed semicolon. */
const COLONS = /^[:\uff1a\ufe55\ufe13]+/;
const HASH = /^[#\uff03]/;
const SLASH = /^[/\uff0f]/;
const SEMICOLONS = /[\uff1b\ufe54\u037e\u061b\u204f]/g;

/**
 * What a line means. A line that was meant as a command, or for one person, is never said to everybody: when it is
 * not understood it is a problem.
 * @param isKnown tells a list of names from words of a text; without it only one word before a `;` can be a name
 */
export function parseLine(line: string, isKnown: IsKnown = () => false): Command {
  const trimmed = line
    .replace(UNSEEN_START, '')
    .trimEnd()
    .replace(COLONS, (colons) => ':'.repeat(colons.length));
  if (trimmed === '') return { kind: 'nothing' };
  if (SLASH.test(trimmed)) {
    const [name = ''] = trimmed.split(/\s/, 1);
    return unsent(`"${brief(name)}" is no command: they begin with ":", and ":all" lists them`, trimmed);
  }
  if (trimmed.startsWith('::')) return { kind: 'here', text: withEmoji(trimmed.slice(1)) };
  if (trimmed.startsWith(':') && !(LEADING_EMOJI.test(trimmed) && withEmoji(trimmed) !== trimmed))
    return parseCommand(trimmed, isKnown);
  return parseText(trimmed, isKnown);
}

function parseText(line: string, isKnown: IsKnown): Command {
  const plain = line.replace(SEMICOLONS, ';');
  // At the first: a text may hold more of them.
  const at = plain.indexOf(';;');
  if (at < 0)
    return oneSemicolon(line, plain.indexOf(';'), isKnown) ?? { kind: 'here', text: withEmoji(line) };
  const to = line.slice(0, at).trim();
  const text = line.slice(at + 2).trim();
  if (HASH.test(to)) {
    const group = to.slice(1).trim();
    if (group === '') return unsent('what stands before ";;" is no group', line);
    if (text === '')
      return { kind: 'problem', unsent: true, text: `not sent: nothing stands after "${to};;"` };
    return { kind: 'members-only', group, text: withEmoji(text) };
  }
  const name = parseUserName(to);
  if (!name.ok) return unsent('what stands before ";;" is no name or id', line);
  if (text === '') return { kind: 'problem', unsent: true, text: `not sent: nothing stands after "${to};;"` };
  return { kind: 'private', to: name.name, text: withEmoji(text) };
}

/**
 * `bob; hi` is a private message with a `;` missing, so it is not said to everybody. `that is right; go on` is a text:
 * more than one word stands before the `;`, and not all of them are names of people met. So are `fine ;)` and `done;`.
 */
function oneSemicolon(line: string, at: number, isKnown: IsKnown): Command | undefined {
  if (at < 0) return undefined;
  const text = line.slice(at + 1).trim();
  if (text === '' || /^-?[()](?:\s|$)/.test(text)) return undefined;
  const names = line
    .slice(0, at)
    .split(/[\s,，、@&+]/)
    .filter((word) => word !== '');
  const areNames = names.length === 1 ? parseUserName(names[0]).ok : names.length > 0 && names.every(isKnown);
  if (!areNames) return undefined;
  const meant = names.map((name) => `"${brief(name)};;${brief(text)}"`).join(', ');
  return unsent(`one ";" sends to nobody alone; for a private message type ${meant}`, line);
}

function parseCommand(line: string, isKnown: IsKnown): Command {
  const space = line.search(/\s/);
  const name = space < 0 ? line : line.slice(0, space);
  const rest = space < 0 ? '' : line.slice(space).trim();
  const entry = COMMANDS.get(name);
  if (entry === undefined)
    return {
      kind: 'problem',
      unsent: true,
      text: `there is no command "${brief(name)}"${meant(name)}; ":all" lists them, and ":${brief(name)}" says it`,
    };
  return entry.parse(rest, isKnown);
}

function parsePrefix(rest: string): Command {
  return rest === ''
    ? problem(':pu takes the beginning of a name, as in ":pu al"')
    : { kind: 'prefix', prefix: rest };
}

function parseHistory(rest: string): Command {
  // A number alone is how many, of whatever: a user whose name is a number is found by its id, with the number behind it.
  const [whom, last] = /^\d+$/.test(rest) ? ['', rest] : splitCount(rest);
  const count = last === '' ? 20 : Number(last);
  if (!(Number.isInteger(count) && count >= 1 && count <= 100))
    return problem(':history takes a number from 1 to 100, as in ":history bob 50"');
  if (whom === '') return { kind: 'history', count };
  if (HASH.test(whom)) return { kind: 'history', count, of: { group: whom.slice(1).trim() } };
  const name = parseUserName(whom);
  return name.ok
    ? { kind: 'history', count, of: { user: name.name } }
    : problem(':history takes a name, or a group as in ":history #team"');
}

/** Splits a text into what stands before a number at its end, and that number. The number is '' when the text ends with none. */
function splitCount(rest: string): readonly [string, string] {
  const at = rest.lastIndexOf(' ');
  const last = rest.slice(at + 1);
  return at >= 0 && /^-?\d+$/.test(last) ? [rest.slice(0, at).trim(), last] : [rest, ''];
}

/** Reads a group's name, which may hold blanks; none when the text is empty. */
const ofGroup = (rest: string): { readonly group?: string } => {
  const group = rest.replace(HASH, '').trim();
  return group === '' ? {} : { group };
};

function parseGroup(rest: string): Command {
  const space = rest.search(/\s/);
  const verb = rest.slice(0, Math.max(space, 0)).toLowerCase();
  const { group: name } = ofGroup(rest.slice(space + 1).trim());
  const join = verb === 'new' ? 'invite' : verb === 'open' ? 'open' : undefined;
  return join === undefined || name === undefined
    ? problem(
        ':group makes a group, as in ":group new our team"; ":group open NAME" makes one that anybody may join',
      )
    : { kind: 'new-group', name, join };
}

function parseTo(rest: string): Command {
  if (rest === '') return { kind: 'to' };
  const { group } = HASH.test(rest) ? ofGroup(rest) : {};
  if (group !== undefined) return { kind: 'to', of: { group } };
  const name = parseUserName(rest);
  return name.ok
    ? { kind: 'to', of: { user: name.name } }
    : problem(':to takes a name, or a group as in ":to #team"; ":to" alone goes back to everybody');
}

function parseJoin(rest: string): Command {
  const { group } = ofGroup(rest);
  return group !== undefined && /^\d+$/.test(group)
    ? { kind: 'join', group }
    : problem(':join takes the id of an open group, as in ":join 17"; its members see it with :groups');
}

function parseInvite(rest: string): Command {
  const hash = rest.search(/[#\uff03]/);
  const name = parseUserName((hash < 0 ? rest : rest.slice(0, hash)).trim());
  return name.ok
    ? { kind: 'invite', name: name.name, ...(hash < 0 ? {} : ofGroup(rest.slice(hash))) }
    : problem(':invite takes a name, as in ":invite bob #team"');
}

function parseBlock(kind: 'block' | 'unblock' | 'ignore' | 'unignore'): (rest: string) => Command {
  return (rest) => {
    const name = parseUserName(rest);
    return name.ok ? { kind, name: name.name } : problem(`:${kind} takes a name, as in ":${kind} mallory"`);
  };
}

function parseDevices(rest: string): Command {
  if (rest === '') return { kind: 'devices' };
  const [verb, device = ''] = rest.split(/\s+/, 2);
  return verb === 'end' && device !== ''
    ? { kind: 'end-device', device }
    : problem(':devices lists your devices; ":devices end ID" logs one out');
}

function parsePassword(rest: string): Command {
  return rest === ''
    ? { kind: 'password' }
    : problem(
        ':password takes nothing behind it: it asks, and shows nothing of what you type. Whoever saw this line has the password now',
      );
}

function parseSet(rest: string): Command {
  if (rest === '') return { kind: 'set' };
  const end = rest.search(/[\s=]/);
  if (end < 0) return { kind: 'set', name: rest };
  const value = rest.slice(end).trim().replace(/^=/, '').trim();
  return { kind: 'set', name: rest.slice(0, end), ...(value !== '' && { value }) };
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

function parseWords(kind: 'me' | 'edit'): (rest: string) => Command {
  return (rest) => (rest === '' ? problem(`:${kind} takes a text`) : { kind, text: withEmoji(rest) });
}

function parseSay(rest: string): Command {
  return rest === '' ? problem(':say takes a text') : { kind: 'group', text: withEmoji(rest) };
}

function parseDelay(rest: string, isKnown: IsKnown): Command {
  const match = /^(.*\S)\s+(\d+)$/s.exec(rest);
  const line = match?.[1];
  const seconds = Number(match?.[2]);
  if (line === undefined || seconds < 1 || seconds > MAX_DELAY_S)
    return problem(`:delay takes a text and 1 to ${MAX_DELAY_S} seconds, as in ":delay good night 60"`);
  const later = parseLine(line, isKnown);
  if (later.kind === 'problem') return later;
  const isText = later.kind === 'here' || later.kind === 'group' || later.kind === 'private';
  return isText || later.kind === 'members-only'
    ? { kind: 'delay', line, say: later, seconds }
    : problem(':delay takes a text to be said, no command');
}

function parseCancel(rest: string): Command {
  return /^[1-9]\d{0,5}$/.test(rest)
    ? { kind: 'cancel', number: Number(rest) }
    : problem(':cancel takes a number that ":delays" shows, as in ":cancel 2"');
}

const BRIEF_CHARACTERS = 40;
const brief = (text: string): string =>
  text.length > BRIEF_CHARACTERS ? `${text.slice(0, BRIEF_CHARACTERS)}\u{2026}` : text;

const problem = (text: string): Command => ({ kind: 'problem', text });
const unsent = (why: string, line: string): Command => ({
  kind: 'problem',
  unsent: true,
  text: `not sent: ${why}; ":say ${brief(line)}" says it to everybody`,
});
