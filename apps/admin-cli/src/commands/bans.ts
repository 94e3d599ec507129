import { type Answer, type Command, itemsOf, numberOf, pathOf, textOf } from '../command.ts';
import { type Column, shown, table, when } from '../table.ts';

const columns: readonly Column<Answer>[] = [
  { heading: 'SUBJECT', cell: ({ subject }) => shown(subject) },
  { heading: 'ENDS', cell: ({ endsAt }) => when(endsAt) },
  { heading: 'BY', cell: ({ by }) => shown(by) },
  { heading: 'REASON', cell: ({ reason }) => shown(reason), givesWay: true },
];

export const banCommands: readonly Command[] = [
  {
    name: 'bans list',
    words: [],
    flags: {},
    about: 'Users and addresses that are suspended',
    request: () => ({ method: 'GET', path: '/bans' }),
    show: (answer) => table(itemsOf(answer), columns, 'nobody is suspended'),
  },
  {
    name: 'bans add',
    words: ['SUBJECT'],
    flags: {
      seconds: { value: 'N', doc: 'How long; 3600 when it is not given' },
      reason: { value: 'TEXT', doc: 'Why, for other operators' },
    },
    about: 'Suspends a user (user:1001) or an address (address:192.0.2.1), and closes its connections',
    request: (given) => ({
      method: 'PUT',
      path: pathOf(['bans', given.words[0] ?? '']),
      body: { seconds: numberOf(given, 'seconds'), reason: textOf(given, 'reason') },
    }),
    show: (answer) => table([answer], columns, ''),
  },
  {
    name: 'bans remove',
    words: ['SUBJECT'],
    flags: {},
    about: 'Ends a suspension',
    request: ({ words: [subject = ''] }) => ({ method: 'DELETE', path: pathOf(['bans', subject]) }),
    show: (_, { words: [subject = ''] }) => `${subject} is suspended no longer`,
  },
];
