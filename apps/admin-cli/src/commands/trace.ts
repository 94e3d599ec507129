import { type Answer, type Command, numberOf, pathOf, textOf } from '../command.ts';
import { cleaned, type Column, fieldsOf, finding, reasons, shown, table, when } from '../table.ts';
import { nextPage } from './users.ts';

/** A device of a recipient; a recipient without devices has a line of its own. */
interface Line {
  readonly recipient: Answer;
  readonly device: Answer;
}

const nameOf = (user: unknown): string => {
  const { id, name } = fieldsOf(user);
  return `${shown(name)} (${shown(id)})`;
};

const columns: readonly Column<Line>[] = [
  { heading: 'USER', cell: ({ recipient }) => nameOf(recipient['user']), givesWay: true },
  { heading: 'DEVICE', cell: ({ device }) => shown(device['device']) || 'none', givesWay: true },
  { heading: 'SERVER', cell: ({ device }) => shown(device['server']) || '-' },
  { heading: 'PUSHED', cell: ({ device }) => finding(device['pushed']) },
  {
    heading: 'DELIVERED',
    cell: ({ device, recipient }) => finding(device['delivered'] ?? recipient['delivered']),
  },
  { heading: 'READ', cell: ({ recipient }) => finding(recipient['read']) },
];

function show(answer: Answer): string {
  const { id, from, to, storedAt, kept, seq, recalled, recipients, unknown } = answer;
  const { user, group } = fieldsOf(to);
  const list = Array.isArray(recipients) ? (recipients as readonly Answer[]) : [];
  const lines = list.flatMap((recipient): Line[] => {
    const { devices } = recipient;
    return Array.isArray(devices) && devices.length > 0
      ? (devices as readonly Answer[]).map((device) => ({ recipient, device }))
      : [{ recipient, device: {} }];
  });
  const where = kept === true ? `entry ${shown(seq)} of its log` : 'its log holds it no longer';
  const whys = list.flatMap((recipient) => {
    const name = nameOf(recipient['user']);
    const { devices } = recipient;
    return [
      [`${name} delivered`, recipient['delivered']] as const,
      [`${name} read`, recipient['read']] as const,
      ...(Array.isArray(devices) ? (devices as readonly Answer[]) : []).flatMap((device) => [
        [`${name} ${shown(device['device'])} pushed`, device['pushed']] as const,
        [`${name} ${shown(device['device'])} delivered`, device['delivered']] as const,
      ]),
    ];
  });
  return [
    cleaned(`message ${shown(id)}`),
    cleaned(`from ${nameOf(from)} to ${group === undefined ? nameOf(user) : `the group ${nameOf(group)}`}`),
    cleaned(`stored ${shown(storedAt)}, ${when(storedAt)}; ${where}${recalled === true ? '; recalled' : ''}`),
    ...(typeof unknown === 'string'
      ? [cleaned(`${unknown} (--user)`)]
      : [table(lines, columns, 'the group has no members')]),
    ...reasons(whys),
    ...nextPage(answer),
  ].join('\n');
}

export const traceCommands: readonly Command[] = [
  {
    name: 'trace',
    words: ['MESSAGE-ID'],
    flags: {
      in: { value: 'CONVERSATION', doc: 'Where it was sent: u1002 or g17, as its sender names it' },
      user: { value: 'USER', doc: 'Only this member of the group' },
      limit: { value: 'N', doc: 'Members at most' },
      after: { value: 'CURSOR', doc: 'The next page of members, as the page before names it' },
    },
    about:
      'Where a message is: when it was stored, whether it went out to each device, was acknowledged, was read',
    request: (given) => ({
      method: 'GET',
      path: pathOf(['messages', given.words[0] ?? ''], {
        in: textOf(given, 'in'),
        user: textOf(given, 'user'),
        limit: numberOf(given, 'limit'),
        after: textOf(given, 'after'),
      }),
    }),
    show,
  },
];
