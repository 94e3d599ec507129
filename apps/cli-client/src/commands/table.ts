import { cleanLine } from '@cim/terminal-text';
import {
  ofGroup,
  parseBlock,
  parseCancel,
  parseDelay,
  parseDevices,
  parseEmoji,
  parseGroup,
  parseHistory,
  parseInvite,
  parseJoin,
  parseMarks,
  parsePassword,
  parsePrefix,
  parseSay,
  parseSet,
  parseTo,
  parseWords,
} from './arguments.ts';
import { brief, type Command, problem } from './command.ts';
import { withEmoji } from './emoji.ts';
import { nearest } from './nearest.ts';

/** One command. */
interface Entry {
  /** For `:all`: name and what it takes → what it does. */
  readonly help: readonly (readonly [usage: string, does: string])[];
  /** @param read says what another line means */
  readonly parse: (rest: string, read: (line: string) => Command) => Command;
}

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
        [':group remove NAME #GROUP', 'take somebody out of a group'],
        [':group transfer NAME #GROUP', 'make somebody else its owner'],
        [':group disband #GROUP', 'end a group for all its members'],
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
    help.map(([usage, does]) => `  ${usage.padEnd(29)}${does}`),
  ),
];

/** For `:help`: what a command does, or which one was meant. */
export function helpOf(given: string): string[] {
  const name = given.startsWith(':') ? given : `:${given}`;
  const lines = COMMANDS.get(name)?.help.map(([usage, does]) => `  ${usage.padEnd(29)}${does}`);
  return lines ?? [`* there is no command "${cleanLine(brief(name))}"${meant(name)}; ":all" lists them`];
}

/** The command that was meant, most likely. */
const meant = (name: string): string => {
  const near = nearest(name, COMMAND_NAMES);
  return near === undefined ? '' : ` (is it "${near}"?)`;
};

/** @param read says what another line means, for a command that takes one */
export function parseCommand(line: string, read: (line: string) => Command): Command {
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
  return entry.parse(rest, read);
}
