import { type Answer, type Command, type Given, itemsOf, numberOf, pathOf, textOf } from '../command.ts';
import { type Column, shown, table, when } from '../table.ts';

const userOf = (user: unknown): string => {
  const { id, name } = (user ?? {}) as Answer;
  return id === undefined ? 'any' : `${shown(name)} (${shown(id)})`;
};

const columns: readonly Column<Answer>[] = [
  { heading: 'KEY', cell: ({ prefix }) => shown(prefix) },
  { heading: 'LABEL', cell: ({ label }) => shown(label), givesWay: true },
  { heading: 'SCOPES', cell: ({ scopes }) => (Array.isArray(scopes) ? scopes.map(shown).join(',') : '') },
  { heading: 'USER', cell: ({ user }) => userOf(user), givesWay: true },
  { heading: 'ENDS', cell: ({ expiresAt }) => when(expiresAt) || 'never' },
  { heading: 'USED', cell: ({ usedAt }) => when(usedAt) || 'never' },
];

/** The id of a key, from its listed prefix or the id itself. */
const idOf = ({ words: [key = ''] }: Given): string => /^cim_([A-Za-z0-9_-]{12})/.exec(key)?.[1] ?? key;

const made = (answer: Answer): string =>
  `${table([answer], columns, '')}\n\nThe key, which nobody can show again:\n${shown(answer['key'])}`;

export const apiKeyCommands: readonly Command[] = [
  {
    name: 'api-keys list',
    words: [],
    flags: {},
    about: 'The API keys of systems',
    request: () => ({ method: 'GET', path: '/api-keys' }),
    show: (answer) => table(itemsOf(answer), columns, 'there is no API key'),
  },
  {
    name: 'api-keys create',
    words: ['LABEL'],
    flags: {
      scopes: { value: 'LIST', doc: 'What it allows, with commas between: send,read,groups,admin' },
      days: { value: 'N', doc: 'It ends after so many days; never when it is not given' },
      user: { value: 'ID', doc: 'The one user that it acts as; any when neither is given' },
      name: { value: 'NAME', doc: 'The same by name; the account is made when there is none' },
    },
    about: 'Makes an API key and shows it once',
    request: (given) => ({
      method: 'POST',
      path: '/api-keys',
      body: {
        label: given.words[0],
        scopes:
          textOf(given, 'scopes')
            ?.split(',')
            .map((scope) => scope.trim()) ?? [],
        days: numberOf(given, 'days'),
        user: textOf(given, 'user'),
        name: textOf(given, 'name'),
      },
    }),
    show: made,
  },
  {
    name: 'api-keys rotate',
    words: ['KEY'],
    flags: {
      'overlap-hours': {
        value: 'N',
        doc: 'How long the old key goes on beside the new one; 24 when not given',
      },
    },
    about: 'Makes a key in place of another one, which ends soon',
    request: (given) => ({
      method: 'POST',
      path: pathOf(['api-keys', idOf(given), 'rotate']),
      body: { overlapHours: numberOf(given, 'overlap-hours') },
    }),
    show: made,
  },
  {
    name: 'api-keys revoke',
    words: ['KEY'],
    flags: {},
    about: 'Ends an API key at once',
    request: (given) => ({ method: 'DELETE', path: pathOf(['api-keys', idOf(given)]) }),
    show: (_, { words: [key = ''] }) => `${key} opens nothing from now on`,
  },
];
