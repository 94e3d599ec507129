import { type Command, numberOf, textOf } from '../command.ts';
import { shown, when } from '../table.ts';

/** `log` comes last: it is the first word of the others. */
export const logCommands: readonly Command[] = [
  {
    name: 'log show',
    words: [],
    flags: {},
    about: 'What the servers log now, where an operator has changed it',
    request: () => ({ method: 'GET', path: '/log' }),
    show: ({ level, user }) => said(level, user),
  },
  {
    name: 'log end',
    words: [],
    flags: {},
    about: 'All servers log again as they were started',
    request: () => ({ method: 'DELETE', path: '/log' }),
    show: () => said('as started', undefined),
  },
  {
    name: 'log',
    words: [],
    flags: {
      level: { value: 'LEVEL', doc: 'debug, info, warn, error or silent' },
      user: { value: 'ID', doc: 'All lines of this user are written, whatever the level' },
      minutes: { value: 'N', doc: 'It ends after so many minutes; 15 when not given' },
    },
    about: 'Changes what all servers log, for a while; a server that is restarted forgets it',
    request: (given) => ({
      method: 'PUT',
      path: '/log',
      body: {
        level: textOf(given, 'level'),
        user: textOf(given, 'user'),
        minutes: numberOf(given, 'minutes'),
      },
    }),
    show: ({ level, user, endsAt }) => `${said(level, user)}, until ${when(endsAt)}`,
  },
];

const said = (level: unknown, user: unknown): string =>
  `level ${shown(level)}${user === undefined ? '' : `, all lines of user ${shown(user)}`}`;
