/** The parameters of every workload, and the steps that several workloads share. */
import { randomBytes } from 'node:crypto';
import type { Clock } from './clock.ts';
import { type Connected, type Fleet, mergeConnects } from './fleet.ts';
import type { Calls, LoadUser, Wire } from './load/calls.ts';
import type { Options } from './options.ts';
import type { Target } from './target.ts';

export interface Run {
  readonly options: Options;
  readonly target: Target;
  readonly fleet: Fleet;
  readonly clock: Clock;
  /** Shows how far a run is, in one line. */
  readonly progress: (line: string) => void;
}

/** Time from now until a measurement begins [µs], so that all processes of the load learn of it before. */
const LEAD_US = 300_000;
const SETUP_PARALLEL = 32;

export const startSoon = (run: Run): number => run.clock.nowUs() + LEAD_US;

/** Makes the load's processes speak a wire, to a route or to the bare server. */
export async function openLoad(run: Run, wire: Wire, routeUrl: string, bytes: number): Promise<void> {
  const { workers } = run.fleet;
  const httpConnections = Math.max(1, Math.ceil(run.options.httpConnections / workers.length));
  await Promise.all(
    workers.map((worker, i) =>
      worker.call('open', {
        wire,
        routeUrl,
        httpConnections,
        bytes,
        pingS: run.options.pingS,
        source: (i % 250) + 1,
      }),
    ),
  );
}

/**
 * CIM takes a user's id from its clock in milliseconds, so two registrations within one millisecond share an
 * account. On CIM's wire one process therefore registers one user after the other, with this pause after each
 * answer [ms].
 */
const CIM_APART_MS = 2;

/** Registers accounts for this run, and answers them by index. */
export async function registerUsers(run: Run, count: number): Promise<LoadUser[]> {
  const tag = randomBytes(5).toString('hex');
  const names = range(0, count).map((index) => ({ index, userName: `b${tag}-${index}` }));
  run.progress(`registering ${count} users`);
  if (run.options.wire === 'cim') return registerApart(run, names);
  const users = await run.fleet.spread(
    names,
    ({ index }) => index,
    (worker, share) => worker.call('register', { names: share, apartMs: 0 }),
  );
  return users.flat().sort((a, b) => a.index - b.index);
}

/**
 * Two routes with their own clocks may still give one id twice. The users of such an id register again under
 * other names.
 */
async function registerApart(
  run: Run,
  names: Parameters<Calls['register']>[0]['names'],
): Promise<LoadUser[]> {
  const worker = run.fleet.workerOf(0);
  let users = await worker.call('register', { names, apartMs: CIM_APART_MS });
  for (let attempt = 1; attempt <= 5; attempt++) {
    const times = new Map<number, number>();
    for (const { userId } of users) times.set(userId, (times.get(userId) ?? 0) + 1);
    const shared = users.filter(({ userId }) => (times.get(userId) ?? 0) > 1);
    if (shared.length === 0) return users;
    const again = shared.map(({ index, userName }) => ({ index, userName: `${userName}.${attempt}` }));
    const anew = await worker.call('register', { names: again, apartMs: CIM_APART_MS });
    const byIndex = new Map(anew.map((user) => [user.index, user]));
    users = users.map((user) => byIndex.get(user.index) ?? user);
  }
  throw new Error('the route gave the same id to several users, six times in a row');
}

/**
 * Logs users in: with `ratePerS` at that rate, measured from when each login was due; without it, as fast as
 * possible.
 */
export async function connectUsers(
  run: Run,
  users: readonly LoadUser[],
  how: {
    readonly lobby: boolean;
    readonly fetch?: boolean;
    readonly ratePerS?: number;
    readonly startUs?: number;
  },
): Promise<Connected> {
  run.progress(`connecting ${users.length} users`);
  const { workers } = run.fleet;
  const answers = await run.fleet.spread(
    users,
    ({ index }) => index,
    (worker, share) =>
      worker.call('connect', {
        users: share,
        lobby: how.lobby,
        fetch: how.fetch ?? false,
        ratePerS: ((how.ratePerS ?? 0) * share.length) / users.length,
        startUs: how.startUs ?? 0,
        parallel: Math.ceil(SETUP_PARALLEL / workers.length),
      }),
  );
  return failOnNone(mergeConnects(answers), users.length);
}

/** Opens as many connections to the bare server as a comparison needs. */
export async function connectBare(
  run: Run,
  server: { readonly host: string; readonly port: number },
  indexes: readonly number[],
  how: { readonly ratePerS?: number; readonly startUs?: number; readonly httpFirst?: boolean } = {},
): Promise<Connected> {
  const answers = await run.fleet.spread(
    indexes,
    (index) => index,
    (worker, share) =>
      worker.call('connectBare', {
        host: server.host,
        port: server.port,
        indexes: share,
        ratePerS: ((how.ratePerS ?? 0) * share.length) / indexes.length,
        startUs: how.startUs ?? 0,
        httpFirst: how.httpFirst ?? false,
      }),
  );
  return failOnNone(mergeConnects(answers), indexes.length);
}

export async function disconnectAll(run: Run): Promise<void> {
  await Promise.all(run.fleet.workers.map((worker) => worker.call('disconnect', 'all')));
}

export const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

function failOnNone(connected: Connected, wanted: number): Connected {
  if (wanted > 0 && connected.placed.size === 0)
    throw new Error(`nobody could connect: ${connected.problem}`);
  return connected;
}
