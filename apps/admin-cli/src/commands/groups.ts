import { type Answer, type Command, itemsOf, numberOf, pathOf, textOf } from '../command.ts';
import { type Column, shown, table } from '../table.ts';
import { nextPage, PAGE_FLAGS } from './users.ts';

const nameColumns: readonly Column<Answer>[] = [
  { heading: 'ID', cell: ({ id }) => shown(id) },
  { heading: 'NAME', cell: ({ name }) => shown(name), givesWay: true },
  { heading: 'ROLE', cell: ({ role }) => shown(role) },
];
const groupColumns: readonly Column<Answer>[] = [
  ...nameColumns,
  { heading: 'CATEGORY', cell: ({ category }) => shown(category) || '-' },
];
const memberColumns: readonly Column<Answer>[] = [
  ...nameColumns,
  { heading: 'MUTED', cell: ({ muted }) => (muted === true ? 'yes' : 'no') },
];

export const groupCommands: readonly Command[] = [
  {
    name: 'groups',
    words: ['USER'],
    flags: {},
    about: 'The groups of a user, without the lobby',
    request: ({ words: [user = ''] }) => ({ method: 'GET', path: pathOf(['users', user, 'groups']) }),
    show: (answer) => table(itemsOf(answer), groupColumns, 'the user is in no group'),
  },
  {
    name: 'members',
    words: ['GROUP'],
    flags: PAGE_FLAGS,
    about: 'The members of a group (id)',
    request: (given) => ({
      method: 'GET',
      path: pathOf(['groups', given.words[0] ?? '', 'members'], {
        limit: numberOf(given, 'limit'),
        after: textOf(given, 'after'),
      }),
    }),
    show: (answer) =>
      [table(itemsOf(answer), memberColumns, 'the group has no members'), ...nextPage(answer)].join('\n'),
  },
];
