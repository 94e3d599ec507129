import { type Answer, type Command, itemsOf, numberOf, pathOf } from '../command.ts';
import { type Column, shown, table } from '../table.ts';

const columns: readonly Column<Answer>[] = [
  { heading: 'SERVER', cell: ({ instance }) => shown(instance) },
  { heading: 'ADDRESS', cell: ({ server }) => shown(server), givesWay: true },
  {
    heading: 'MOVING',
    cell: ({ moving, thenExit }) => `${shown(moving)}${thenExit === true ? ', then exit' : ''}`,
  },
  { heading: 'SESSIONS', cell: ({ own, cim }) => String(Number(own) + Number(cim)) },
  { heading: 'LEFT', cell: ({ left }) => shown(left) },
  { heading: 'MOVED', cell: ({ moved }) => shown(moved) },
  { heading: 'A SECOND', cell: ({ rate }) => shown(rate) },
  { heading: 'WAITS', cell: ({ waits }) => shown(waits), givesWay: true },
];
const one = (answer: Answer): string => table([answer], columns, '');
const several = (answer: Answer): string => table(itemsOf(answer), columns, 'no im-server is listed');

const rate = {
  rate: { value: 'N', doc: 'Sessions a second; CIM_DRAIN_RATE of the im-server when not given' },
};

/** `drain` and `rebalance` come last: theirs are the first words of the others. */
export const moveCommands: readonly Command[] = [
  {
    name: 'drain show',
    words: ['SERVER'],
    flags: {},
    about: 'How many sessions of a drained im-server are left',
    request: ({ words: [id = ''] }) => ({ method: 'GET', path: pathOf(['servers', id, 'drain']) }),
    show: one,
  },
  {
    name: 'drain end',
    words: ['SERVER'],
    flags: {},
    about: 'Ends a drain: the im-server takes logins again',
    request: ({ words: [id = ''] }) => ({ method: 'DELETE', path: pathOf(['servers', id, 'drain']) }),
    show: one,
  },
  {
    name: 'drain',
    words: ['SERVER'],
    flags: { ...rate, 'then-exit': { doc: 'The process ends when no session is left' } },
    about: 'Moves the sessions of an im-server to the others, a few at a time; no login is placed there',
    request: (given) => ({
      method: 'POST',
      path: pathOf(['servers', given.words[0] ?? '', 'drain']),
      body: { rate: numberOf(given, 'rate'), ...(given.flags['then-exit'] === true && { thenExit: true }) },
    }),
    show: one,
  },
  {
    name: 'rebalance show',
    words: [],
    flags: {},
    about: 'Sessions of each im-server, and how many are to move still',
    request: () => ({ method: 'GET', path: '/rebalance' }),
    show: several,
  },
  {
    name: 'rebalance end',
    words: [],
    flags: {},
    about: 'Ends a rebalance where it is',
    request: () => ({ method: 'DELETE', path: '/rebalance' }),
    show: several,
  },
  {
    name: 'rebalance',
    words: [],
    flags: rate,
    about: 'Im-servers with more sessions than the mean give away what is above it, a few at a time',
    request: (given) => ({ method: 'POST', path: '/rebalance', body: { rate: numberOf(given, 'rate') } }),
    show: several,
  },
];
