import { type Answer, type Command, type Given, itemsOf, pathOf, textOf } from '../command.ts';
import { type Column, shown, table, when } from '../table.ts';

const fieldOf = (value: unknown, name: string): string =>
  typeof value === 'object' && value !== null ? shown((value as Answer)[name]) : '';
const textsOf = ({ texts, type }: Answer): string =>
  Array.isArray(texts) ? texts.map(shown).join(' ') : `[${shown(type)}]`;

const columns: readonly Column<Answer>[] = [
  { heading: 'HELD', cell: ({ held }) => shown(held) },
  { heading: 'SINCE', cell: ({ heldAt }) => when(heldAt), givesWay: true },
  { heading: 'FROM', cell: ({ from }) => fieldOf(from, 'name'), givesWay: true },
  { heading: 'TEXT', cell: textsOf, givesWay: true },
  { heading: 'WHY', cell: ({ reason }) => shown(reason), givesWay: true },
];
const idOf = ({ words: [id = ''] }: Given): string => id;
const outcome = ({ outcome, why }: Answer, given: Given): string =>
  `${idOf(given)}: ${shown(outcome)}${why === undefined ? '' : `: ${shown(why)}`}`;

export const heldCommands: readonly Command[] = [
  {
    name: 'held list',
    words: [],
    flags: {},
    about: 'The messages that wait for a decision, the oldest first',
    request: () => ({ method: 'GET', path: '/held' }),
    show: (answer) =>
      `${table(itemsOf(answer), columns, 'no message waits')}\n${shown(answer['waiting'])} wait`,
  },
  {
    name: 'held allow',
    words: ['HELD'],
    flags: {},
    about: 'Allows a message: it is stored now',
    request: (given) => ({ method: 'POST', path: pathOf(['held', idOf(given), 'allow']) }),
    show: outcome,
    failed: (answer) => answer['outcome'] === 'refused',
  },
  {
    name: 'held refuse',
    words: ['HELD'],
    flags: { reason: { value: 'TEXT', doc: 'Told to its sender' } },
    about: 'Refuses a message: it is never stored, and its sender is told',
    request: (given) => ({
      method: 'POST',
      path: pathOf(['held', idOf(given), 'refuse']),
      body: { reason: textOf(given, 'reason') },
    }),
    show: outcome,
  },
];
