import { type Answer, type Command, itemsOf, numberOf, pathOf, textOf } from '../command.ts';
import { cleaned, type Column, fieldsOf, finding, reasons, shown, table, when } from '../table.ts';

export const PAGE_FLAGS = {
  limit: { value: 'N', doc: 'Lines at most' },
  after: { value: 'CURSOR', doc: 'The next page, as the page before names it' },
} as const;

/** A line that says how to ask for the next page; [] on the last page. */
export const nextPage = ({ next }: Answer): string[] =>
  typeof next === 'string' ? [`more: --after ${cleaned(next)}`] : [];

const deviceColumns: readonly Column<Answer>[] = [
  { heading: 'DEVICE', cell: ({ device }) => shown(device), givesWay: true },
  { heading: 'LABEL', cell: ({ label }) => shown(label), givesWay: true },
  { heading: 'SERVER', cell: ({ server }) => shown(server) || '-' },
  { heading: 'CONNECTED', cell: ({ connected }) => finding(connected) },
  { heading: 'SEEN', cell: ({ seenAt }) => when(seenAt) },
  { heading: 'CURSOR', cell: ({ cursor }) => shown(cursor) || 'none' },
  { heading: 'BACKLOG', cell: ({ backlog }) => shown(backlog) },
];
const onlineColumns: readonly Column<Answer>[] = [
  { heading: 'ID', cell: ({ id }) => shown(id) },
  { heading: 'NAME', cell: ({ name }) => shown(name), givesWay: true },
  { heading: 'SERVER', cell: ({ server }) => shown(server) },
];
const userColumns = onlineColumns.slice(0, 2);

function showUser(answer: Answer): string {
  const { id, name, suspendedUntil, devices, timeline } = answer;
  const list = Array.isArray(devices) ? (devices as readonly Answer[]) : [];
  return [
    cleaned(
      `user ${shown(id)}, ${shown(name)}; newest entry of the timeline: ${shown(fieldsOf(timeline)['top'])}`,
    ),
    ...(suspendedUntil === undefined ? [] : [`suspended, ends ${when(suspendedUntil)}`]),
    table(list, deviceColumns, 'no device has logged in within 90 days'),
    ...reasons(list.map(({ device, connected }) => [`${shown(device)} connected`, connected])),
  ].join('\n');
}

const kickedColumns: readonly Column<Answer>[] = [
  { heading: 'DEVICE', cell: ({ device }) => shown(device) },
  { heading: 'SERVER', cell: ({ server }) => shown(server) },
];

export const userCommands: readonly Command[] = [
  {
    name: 'user',
    words: ['USER'],
    flags: {},
    about: 'The devices of a user (id or name): where each is, how far it has come, when it was seen last',
    request: ({ words: [user = ''] }) => ({ method: 'GET', path: pathOf(['users', user]) }),
    show: showUser,
  },
  {
    name: 'blocks',
    words: ['USER'],
    flags: {},
    about: 'Whom a user has blocked',
    request: ({ words: [user = ''] }) => ({ method: 'GET', path: pathOf(['users', user, 'blocks']) }),
    show: (answer) => table(itemsOf(answer), userColumns, 'the user has blocked nobody'),
  },
  {
    name: 'kick',
    words: ['USER'],
    flags: { device: { value: 'DEVICE', doc: 'End the session of this device only' } },
    about: "Ends a user's sessions: the clients have to log in anew. To keep a user out use bans add",
    request: (given) => ({
      method: 'POST',
      path: pathOf(['users', given.words[0] ?? '', 'kick']),
      body: { device: textOf(given, 'device') },
    }),
    show: ({ ended }) =>
      table(
        Array.isArray(ended) ? (ended as readonly Answer[]) : [],
        kickedColumns,
        'there was no session to end',
      ),
  },
  {
    name: 'online',
    words: [],
    flags: {
      server: { value: 'SERVER', doc: 'Only of this im-server, as cim admin servers names it' },
      ...PAGE_FLAGS,
    },
    about: 'Who is online, by im-server',
    request: (given) => ({
      method: 'GET',
      path: pathOf(['online'], {
        server: textOf(given, 'server'),
        limit: numberOf(given, 'limit'),
        after: textOf(given, 'after'),
      }),
    }),
    show: (answer) =>
      [table(itemsOf(answer), onlineColumns, 'nobody is online'), ...nextPage(answer)].join('\n'),
  },
];
