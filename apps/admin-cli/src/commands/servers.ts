import { type Answer, type Command, itemsOf } from '../command.ts';
import { cleaned, type Column, fieldsOf, shown, table, when } from '../table.ts';

const percent = (cpu: unknown): string => (typeof cpu === 'number' ? `${Math.round(cpu * 100)}%` : '');
const ms = (value: unknown): string => (typeof value === 'number' ? `${value}ms` : '');
const loadOf = ({ load }: Answer): Answer => fieldsOf(load);

const columns: readonly Column<Answer>[] = [
  { heading: 'SERVER', cell: ({ instance }) => shown(instance) || 'of CIM' },
  {
    heading: 'ADDRESS',
    cell: ({ host, tcpPort }) => `${shown(host)}:${shown(tcpPort)}`,
    givesWay: true,
  },
  { heading: 'UP', cell: ({ startedAt }) => when(startedAt).replace(' ago', '') },
  { heading: 'SESS', cell: (server) => shown(loadOf(server)['sessions']) },
  { heading: 'CONN', cell: (server) => shown(loadOf(server)['connections']) },
  { heading: 'CPU', cell: (server) => percent(loadOf(server)['cpu']) },
  { heading: 'LOOP', cell: (server) => ms(loadOf(server)['loopDelayMs']) },
  { heading: 'VER', cell: ({ version }) => shown(version) },
];

/** Lines below the table: what is wrong, and this route. */
function remarks({ wrong, route }: Answer): string[] {
  const said = (Array.isArray(wrong) ? (wrong as readonly Answer[]) : []).map(({ text }) => shown(text));
  const { load, version, startedAt } = fieldsOf(route);
  const { cpu, loopDelayMs } = fieldsOf(load);
  if (version !== undefined)
    said.push(
      `route ${shown(version)}, started ${when(startedAt)}: CPU ${percent(cpu)}, event loop ${ms(loopDelayMs)}`,
    );
  return said.map(cleaned);
}

export const serverCommands: readonly Command[] = [
  {
    name: 'servers',
    words: [],
    flags: {},
    about:
      'The im-servers with load and age. CPU (100% is one core) and LOOP, how late the event loop came at worst, are of the last 10 to 20 s',
    request: () => ({ method: 'GET', path: '/servers' }),
    show: (answer) =>
      [table(itemsOf(answer), columns, 'no im-server is listed'), ...remarks(answer)].join('\n'),
  },
];
