import { type Answer, type Command, itemsOf } from '../command.ts';
import { type Column, shown, table, when } from '../table.ts';

const columns: readonly Column<Answer>[] = [
  { heading: 'SERVER', cell: ({ instance }) => shown(instance) || 'of CIM' },
  {
    heading: 'ADDRESS',
    cell: ({ host, tcpPort, httpPort }) => [host, tcpPort, httpPort].map(shown).join(':'),
    givesWay: true,
  },
  { heading: 'VERSION', cell: ({ version }) => shown(version) },
  { heading: 'STARTED', cell: ({ startedAt }) => when(startedAt) },
];

export const serverCommands: readonly Command[] = [
  {
    name: 'servers',
    words: [],
    flags: {},
    about: 'The im-servers that are listed: address, version, since when',
    request: () => ({ method: 'GET', path: '/servers' }),
    show: (answer) => table(itemsOf(answer), columns, 'no im-server is listed'),
  },
];
