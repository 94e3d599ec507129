import { type Answer, type Command, type Given, itemsOf, numberOf, pathOf, textOf } from '../command.ts';
import { type Column, shown, table, when } from '../table.ts';

const columns: readonly Column<Answer>[] = [
  { heading: 'WEBHOOK', cell: ({ id }) => shown(id) },
  { heading: 'URL', cell: ({ url }) => shown(url), givesWay: true },
  {
    heading: 'EVENTS',
    cell: ({ events }) => (Array.isArray(events) ? events.map(shown).join(',') : ''),
    givesWay: true,
  },
  { heading: 'STATE', cell: ({ state }) => shown(state) },
  { heading: 'PROBLEM', cell: ({ problem }) => shown(problem), givesWay: true },
];
const letterColumns: readonly Column<Answer>[] = [
  { heading: 'EVENT', cell: ({ id }) => shown(id), givesWay: true },
  { heading: 'STATE', cell: ({ state }) => shown(state) },
  { heading: 'FAILED', cell: ({ failed }) => shown(failed) },
  { heading: 'AT', cell: ({ at }) => when(at) },
  { heading: 'PROBLEM', cell: ({ problem }) => shown(problem), givesWay: true },
];

const listOf = (given: Given, name: string): string[] | undefined =>
  textOf(given, name)
    ?.split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
const flags = {
  events: { value: 'LIST', doc: 'Types of events, with commas between: message.stored,group.*' },
  only: { value: 'LIST', doc: 'Conversations, with commas between: u1001,g17,globby; all when not given' },
  batch: { value: 'N', doc: 'Events of one request at most; 1 when not given' },
} as const;
const secretOf = (answer: Answer): string =>
  `The secret, which nobody can show again:\n${shown(answer['secret'])}`;
const idOf = ({ words: [id = ''] }: Given): string => id;

export const webhookCommands: readonly Command[] = [
  {
    name: 'webhooks list',
    words: [],
    flags: {},
    about: 'The URLs that are told of events, and how each fares',
    request: () => ({ method: 'GET', path: '/webhooks' }),
    show: (answer) => table(itemsOf(answer), columns, 'there is no webhook'),
  },
  {
    name: 'webhooks create',
    words: ['URL'],
    flags,
    about: 'Makes a webhook and shows its secret once',
    request: (given) => ({
      method: 'POST',
      path: '/webhooks',
      body: {
        url: given.words[0],
        events: listOf(given, 'events') ?? ['message.stored'],
        only: listOf(given, 'only'),
        batch: numberOf(given, 'batch'),
      },
    }),
    show: (answer) => `${table([answer], columns, '')}\n\n${secretOf(answer)}`,
  },
  {
    name: 'webhooks change',
    words: ['WEBHOOK'],
    flags: {
      url: { value: 'URL', doc: 'Where its events go from now on' },
      ...flags,
      on: { doc: 'Tells it of events again' },
      off: { doc: 'Tells it of no events' },
    },
    about: 'Changes a webhook, or turns it off and on',
    request: (given) => ({
      method: 'PUT',
      path: pathOf(['webhooks', idOf(given)]),
      body: {
        url: textOf(given, 'url'),
        events: listOf(given, 'events'),
        only: listOf(given, 'only'),
        batch: numberOf(given, 'batch'),
        on: given.flags['on'] === true ? true : given.flags['off'] === true ? false : undefined,
      },
    }),
    show: (answer) => table([answer], columns, ''),
  },
  {
    name: 'webhooks rotate',
    words: ['WEBHOOK'],
    flags: {
      'overlap-hours': { value: 'N', doc: 'How long the old secret signs too; 24 when not given' },
    },
    about: 'Makes a secret in place of the one before',
    request: (given) => ({
      method: 'POST',
      path: pathOf(['webhooks', idOf(given), 'rotate']),
      body: { overlapHours: numberOf(given, 'overlap-hours') },
    }),
    show: (answer) => `${secretOf(answer)}\nThe one before signs until ${when(answer['oldUntil'])}`,
  },
  {
    name: 'webhooks remove',
    words: ['WEBHOOK'],
    flags: {},
    about: 'Removes a webhook and its letters',
    request: (given) => ({ method: 'DELETE', path: pathOf(['webhooks', idOf(given)]) }),
    show: (_, given) => `${idOf(given)} is told of nothing from now on`,
  },
  {
    name: 'webhooks letters',
    words: ['WEBHOOK'],
    flags: {},
    about: 'Events that a webhook has not taken: waiting ones and dead ones',
    request: (given) => ({ method: 'GET', path: pathOf(['webhooks', idOf(given), 'letters']) }),
    show: (answer) =>
      `${table(itemsOf(answer), letterColumns, 'it has taken all events')}\n${shown(answer['waiting'])} wait, ${shown(answer['dead'])} are dead`,
  },
  {
    name: 'webhooks replay',
    words: ['WEBHOOK'],
    flags: { event: { value: 'ID', doc: 'One event; all dead ones when not given' } },
    about: 'Tells dead letters again',
    request: (given) => ({
      method: 'POST',
      path: pathOf(['webhooks', idOf(given), 'replay']),
      body: { event: textOf(given, 'event') },
    }),
    show: (answer) => `${shown(answer['events'])} events are told again`,
  },
  {
    name: 'webhooks forget',
    words: ['WEBHOOK'],
    flags: {},
    about: 'Forgets all dead letters',
    request: (given) => ({ method: 'DELETE', path: pathOf(['webhooks', idOf(given), 'letters']) }),
    show: (answer) => `${shown(answer['events'])} events are forgotten`,
  },
];
