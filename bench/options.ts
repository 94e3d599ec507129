/** The options of a run, from its command line. */
import { parseArgs } from 'node:util';
import { PAYLOAD_BYTES } from './load/payload.ts';

export const WORKLOADS = ['connect', 'idle', 'p2p', 'group', 'offline', 'mix'] as const;
export type Workload = (typeof WORKLOADS)[number];

const FLAGS = {
  route: ['URL', '', 'measure the cluster of this route instead of one started here'],
  cluster: ['', false, 'start a cluster here: Redis, ZooKeeper, 1 route, im-servers'],
  'im-servers': ['N', '2', 'im-servers of that cluster'],
  ping: [
    'S',
    '',
    'a user that has written nothing for so long pings; servers started here wait twice as long, at least 30 s [15; CIM 10]',
  ],
  pids: ['P,P', '', 'with --route: processes on this machine whose processor time and memory count'],
  wire: [
    'own|ws|tls|cim',
    'own',
    'ws, tls: the own wire over these, beside a server over TCP; cim: the CIM contract, HTTP to send, TCP to receive',
  ],
  via: ['tcp|http', 'tcp', 'how texts are sent'],
  workers: ['N', '1', 'processes that make the load'],
  connections: [
    'N',
    '',
    'users that log in [connect 5000, idle 5000, group 1000, offline 50, mix 1000; p2p none but the pairs]',
  ],
  pairs: ['N', '100', 'p2p, mix: users that send, each to one other'],
  rate: ['R', '', 'a second: texts, or for connect logins [p2p 1000, group 5, connect 500, mix 500]'],
  'group-rate': ['R', '2', 'mix: texts to the group a second'],
  seconds: ['S', '', 'how long [10]'],
  warmup: ['S', '2', 'before that, not measured'],
  'warmup-rate': ['R', '', 'p2p: at which; code that has hardly run yet is slow at any rate [--rate]'],
  bytes: ['B', '64', 'length of a text, from 32'],
  burst: ['K', '1', 'texts at a time'],
  backlog: ['N', '500', 'offline: texts that wait for each user, of one sender, who may have 500 wait'],
  'find-rate': ['', false, 'p2p, group: search the highest rate whose p99 stays under --p99'],
  p99: ['MS', '50', 'that bound'],
  'http-connections': ['N', '64', 'to the route, of all load processes'],
  floor: ['yes|no', 'yes', 'measure a bare node:net server as well'],
  json: ['', false, 'print the report as JSON'],
  profile: ['DIR', '', 'each server started here writes a profile of its processor time there, for DevTools'],
  svg: ['FILE', '', 'draw latency over time and its distribution'],
  smoke: ['', false, 'a small run of every workload: fails on arrival, never on a time'],
  help: ['', false, 'this'],
} as const;

export interface Options {
  readonly workload: Workload | 'smoke';
  readonly route: string;
  readonly cluster: boolean;
  readonly imServers: number;
  readonly pids: readonly number[];
  readonly wire: 'own' | 'ws' | 'tls' | 'cim';
  readonly via: 'tcp' | 'http';
  readonly workers: number;
  readonly connections: number;
  readonly pairs: number;
  readonly rate: number;
  readonly groupRate: number;
  readonly seconds: number;
  readonly warmup: number;
  readonly warmupRate: number;
  readonly bytes: number;
  readonly burst: number;
  readonly backlog: number;
  readonly findRate: boolean;
  readonly p99Ms: number;
  readonly httpConnections: number;
  readonly floor: boolean;
  readonly json: boolean;
  readonly pingS: number;
  readonly profile: string;
  readonly svg: string;
}

export type ParsedOptions =
  | { readonly kind: 'options'; readonly options: Options }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'problem'; readonly text: string };

const CONNECTIONS = {
  connect: 5_000,
  idle: 5_000,
  p2p: 0,
  group: 1_000,
  offline: 50,
  mix: 1_000,
  smoke: 100,
};
const RATES = { connect: 500, idle: 0, p2p: 1_000, group: 5, offline: 0, mix: 500, smoke: 200 };

class Problem extends Error {}

export function parseOptions(argv: readonly string[]): ParsedOptions {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(FLAGS).map(([name, [, fallback]]) => [
          name,
          { type: typeof fallback === 'boolean' ? 'boolean' : 'string', default: fallback } as const,
        ]),
      ),
    });
    if (values['help'] === true) return { kind: 'help', text: helpText() };
    return { kind: 'options', options: toOptions(values, positionals) };
  } catch (error) {
    if (error instanceof Problem || error instanceof TypeError)
      return { kind: 'problem', text: `${error.message.split('. ')[0] ?? ''}; --help lists the options` };
    throw error;
  }
}

function toOptions(
  values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>,
  positionals: readonly string[],
): Options {
  const text = (name: keyof typeof FLAGS): string => {
    const value = values[name];
    return typeof value === 'string' ? value : '';
  };
  const number = (name: keyof typeof FLAGS, least: number, fallback = ''): number => {
    const given = text(name) === '' ? fallback : text(name);
    const value = Number(given);
    if (given.trim() === '' || !Number.isFinite(value) || value < least)
      throw new Problem(`--${name} must be a number from ${least}`);
    return value;
  };
  const whole = (name: keyof typeof FLAGS, least: number, fallback = ''): number => {
    const value = number(name, least, fallback);
    if (!Number.isInteger(value)) throw new Problem(`--${name} must be a whole number`);
    return value;
  };
  const oneOf = <const T extends string>(name: keyof typeof FLAGS, allowed: readonly T[]): T => {
    const value = allowed.find((one) => one === text(name));
    if (value === undefined) throw new Problem(`--${name} must be one of ${allowed.join(', ')}`);
    return value;
  };
  const [named, ...more] = positionals;
  const workload = values['smoke'] === true ? 'smoke' : WORKLOADS.find((one) => one === named);
  if (workload === undefined || more.length > 0)
    throw new Problem(`name one workload: ${WORKLOADS.join(', ')}`);
  const wire = oneOf('wire', ['own', 'ws', 'tls', 'cim']);
  const rate = number('rate', 0.1, String(RATES[workload] || 1));
  const pids = text('pids').split(',').filter(Boolean).map(Number);
  if (!pids.every((pid) => Number.isInteger(pid) && pid > 0)) throw new Problem('--pids must be process ids');
  if (text('route') !== '' && !URL.canParse(text('route'))) throw new Problem('--route must be a URL');
  return {
    workload,
    route: text('route').replace(/\/$/, ''),
    cluster: values['cluster'] === true,
    imServers: whole('im-servers', 1),
    pids,
    wire,
    via: wire === 'cim' ? 'http' : oneOf('via', ['tcp', 'http']),
    workers: whole('workers', 1),
    connections: whole('connections', 1, String(CONNECTIONS[workload] || 1)),
    pairs: whole('pairs', 1),
    rate,
    groupRate: number('group-rate', 0.1),
    seconds: number('seconds', 1, workload === 'smoke' ? '2' : '10'),
    warmup: number('warmup', 0),
    warmupRate: number('warmup-rate', 0.1, String(rate)),
    bytes: whole('bytes', PAYLOAD_BYTES),
    burst: whole('burst', 1),
    backlog: whole('backlog', 1),
    findRate: values['find-rate'] === true,
    p99Ms: number('p99', 0.1),
    httpConnections: whole('http-connections', 1),
    floor: oneOf('floor', ['yes', 'no']) === 'yes',
    json: values['json'] === true,
    pingS: number('ping', 1, wire === 'cim' ? '10' : '15'),
    profile: text('profile'),
    svg: text('svg'),
  };
}

function helpText(): string {
  const rows = Object.entries(FLAGS).map(([name, [value, fallback, doc]]) => {
    const flag = `--${name}${value === '' ? '' : ` ${value}`}`;
    const told = typeof fallback === 'string' && fallback !== '' ? ` [${fallback}]` : '';
    return `  ${flag.padEnd(22)}  ${doc}${told}`;
  });
  return `usage: npm run bench -- WORKLOAD [options]
       npm run bench -- --smoke

  connect  logins a second, and memory per connection that is logged in
  idle     hold connections: memory and processor time of each
  p2p      private texts, stored, from one user to another
  group    one text to everybody
  offline  users who come back to a backlog
  mix      private texts, group texts and idle users at once

${rows.join('\n')}
`;
}
