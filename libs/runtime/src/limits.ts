/**
 * The one table of all limits by address and by user. Each has a setting, `CIM_LIMIT_<NAME>`.
 * docs/operations.md has the same table; a test compares them.
 */
import type { Option } from './config.ts';
import type { Rate } from './token-bucket.ts';

/** `rate`: a number of acts in a time. `most`: a number of things at once. */
type Row = {
  readonly kind: 'rate' | 'most';
  /** The default, as the setting is written. */
  readonly fallback: string;
  /** Each one of these has a budget of its own. */
  readonly by:
    | 'address'
    | 'address and user'
    | 'address, or user'
    | 'user'
    | 'sender and recipient'
    | 'user and conversation';
  readonly what: string;
  readonly where:
    | 'each im-server'
    | 'each route'
    | 'each server'
    | 'all routes'
    | 'each session, and all routes'
    | 'the store';
};

/** The defaults allow 500 people behind one address to reconnect at the same moment. */
export const LIMITS = {
  connect: {
    kind: 'rate',
    fallback: '200/1s,2000',
    by: 'address',
    what: 'new connections',
    where: 'each im-server',
  },
  connections: {
    kind: 'most',
    fallback: '2000',
    by: 'address',
    what: 'connections at once',
    where: 'each im-server',
  },
  httpConnections: {
    kind: 'most',
    fallback: '2000',
    by: 'address',
    what: 'HTTP connections at once',
    where: 'each server',
  },
  request: {
    kind: 'rate',
    fallback: '500/1s,5000',
    by: 'address',
    what: 'HTTP requests',
    where: 'each route',
  },
  login: { kind: 'rate', fallback: '20/1s,1000', by: 'address', what: 'logins', where: 'all routes' },
  failedLogin: {
    kind: 'rate',
    fallback: '1/1s,100',
    by: 'address',
    what: 'logins with a wrong password, or of nobody',
    where: 'all routes',
  },
  failedLoginOfUser: {
    kind: 'rate',
    fallback: '5/1m,10',
    by: 'address and user',
    what: 'logins of one user with a wrong password',
    where: 'all routes',
  },
  hashes: {
    kind: 'most',
    fallback: '32',
    by: 'address',
    what: 'passwords that wait to be checked',
    where: 'each route',
  },
  register: {
    kind: 'rate',
    fallback: '1/1s,600',
    by: 'address',
    what: 'registrations',
    where: 'all routes',
  },
  unknown: {
    kind: 'rate',
    fallback: '5/1s,300',
    by: 'address',
    what: 'look-ups of users that do not exist',
    where: 'each route',
  },
  send: {
    kind: 'rate',
    fallback: '500/1s,5000',
    by: 'user',
    what: 'messages',
    where: 'each session, and all routes',
  },
  sendTo: {
    kind: 'rate',
    fallback: '500/1s,2500',
    by: 'sender and recipient',
    what: 'messages',
    where: 'each session, and all routes',
  },
  bytes: {
    kind: 'rate',
    fallback: '2000000/1s,20000000',
    by: 'user',
    what: 'bytes of messages',
    where: 'each session, and all routes',
  },
  groupSend: {
    kind: 'rate',
    fallback: '200/1s,2000',
    by: 'user',
    what: 'messages to groups',
    where: 'each session, and all routes',
  },
  keyed: {
    kind: 'rate',
    fallback: '10/1s,10000',
    by: 'user',
    what: 'messages with an Idempotency-Key',
    where: 'all routes',
  },
  join: {
    kind: 'rate',
    fallback: '60/1m,600',
    by: 'user',
    what: 'groups made and joined, and members added',
    where: 'all routes',
  },
  signal: {
    kind: 'rate',
    fallback: '50/1s,500',
    by: 'user',
    what: 'signals',
    where: 'each im-server',
  },
  typing: {
    kind: 'rate',
    fallback: '1/1s,1',
    by: 'user and conversation',
    what: 'signals of typing that are passed on',
    where: 'each im-server',
  },
  offences: {
    kind: 'rate',
    fallback: '1/1s,300',
    by: 'address, or user',
    what: 'requests, connections and sends above another limit; more than that suspends',
    where: 'each server',
  },
  inboxShare: {
    kind: 'most',
    fallback: '500',
    by: 'sender and recipient',
    what: 'messages that wait to be read',
    where: 'the store',
  },
  scheduled: {
    kind: 'most',
    fallback: '100',
    by: 'user',
    what: 'messages that are to be sent later',
    where: 'the store',
  },
} as const satisfies Record<string, Row>;

export type LimitName = keyof typeof LIMITS;
type NamesOf<K extends Row['kind']> = {
  [N in LimitName]: (typeof LIMITS)[N]['kind'] extends K ? N : never;
}[LimitName];
export type RateName = NamesOf<'rate'>;
export type MostName = NamesOf<'most'>;

/** The limits as configured. A rate of undefined, or a most of `Infinity`, is off. */
export type LimitValues = { readonly [N in RateName]: Rate | undefined } & {
  readonly [N in MostName]: number;
};

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Parses `rate/interval[,burst]`. @throws {Error} that says what the text must be */
function parseRate(text: string): Rate | undefined {
  if (text === 'off') return undefined;
  const [, tokens, count, unit = '', burst = tokens] = /^(\d+)\/(\d*)(ms|s|m|h)(?:,(\d+))?$/.exec(text) ?? [];
  const rate = {
    tokens: Number(tokens),
    intervalMs: Number(count === '' ? 1 : count) * (UNITS[unit] ?? 0),
    burst: Number(burst),
  };
  if (!(rate.tokens > 0 && rate.intervalMs > 0 && rate.burst > 0))
    throw new Error('must be a rate and what may come at once, such as 20/1s,1000 or 5/1m, or off');
  return rate;
}

function parseMost(text: string): number {
  if (text === 'off') return Number.POSITIVE_INFINITY;
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) throw new Error('must be a number from 1, or off');
  return Number(text);
}

export const limitEnv = (name: LimitName): `CIM_LIMIT_${string}` =>
  `CIM_LIMIT_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

type LimitSettings = { readonly [N in LimitName as `limit${Capitalize<N>}`]: Option<LimitValues[N]> };
const keyOf = (name: string): string => `limit${name[0]?.toUpperCase()}${name.slice(1)}`;

/** One setting for each limit. */
export const limitSettings = Object.fromEntries(
  (Object.entries(LIMITS) as [LimitName, Row][]).map(([name, { kind, fallback, by, what, where }]) => [
    keyOf(name),
    {
      env: limitEnv(name),
      fallback,
      doc: `Limit of each ${by}: ${what}, at ${where} (${kind === 'rate' ? 'rate/interval,burst' : 'at once'}; off)`,
      parse: kind === 'rate' ? parseRate : parseMost,
    },
  ]),
) as unknown as LimitSettings;

/** Names of the settings in `limitSettings`. */
export const limitKeys = Object.keys(limitSettings) as (keyof LimitSettings)[];

/** Picks the limits from the values of all settings. */
export const limitsOf = (
  values: {
    readonly [K in keyof LimitSettings]: LimitSettings[K] extends Option<infer T> ? T : never;
  },
): LimitValues =>
  Object.fromEntries(
    Object.keys(LIMITS).map((name) => [name, values[keyOf(name) as keyof LimitSettings]]),
  ) as unknown as LimitValues;

/** The default limits, for tests. */
export const defaultLimits: LimitValues = Object.fromEntries(
  (Object.entries(LIMITS) as [string, Row][]).map(([name, { kind, fallback }]) => [
    name,
    kind === 'rate' ? parseRate(fallback) : parseMost(fallback),
  ]),
) as unknown as LimitValues;
