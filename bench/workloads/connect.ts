/**
 * Measures logins at a set rate or as fast as possible, the memory of a connection, and the cost of holding
 * it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { FloorServer } from '../floor/floor.ts';
import { type ByName, cpuUs, difference, type MeasuredProcess, residentBytes, total } from '../processes.ts';
import { bareFloor, type Figure, figure, type Floor, latencyFigures, tcpFloor } from '../report.ts';
import { openOverTcp } from '../target.ts';
import type { LoadUser } from '../load/calls.ts';
import {
  connectBare,
  connectUsers,
  disconnectAll,
  openLoad,
  range,
  registerUsers,
  type Run,
  startSoon,
} from '../run.ts';
import type { Connected } from '../fleet.ts';
import type { Outcome } from './outcome.ts';

/**
 * Share of the connections that are open before memory is read for the first time, so that the memory a
 * server needs anyway does not count.
 */
const FIRST_SHARE = 0.2;
const HELD_TOGETHER_MS = 1_000;

interface Held {
  readonly figures: Figure[];
  readonly problems: string[];
}

type Connect = (from: number, to: number, startUs: number) => Promise<Connected>;

export const connect = (run: Run): Promise<Outcome> => logIn(run, run.options.rate);
export const idle = (run: Run): Promise<Outcome> => logIn(run, 0);

async function logIn(run: Run, ratePerS: number): Promise<Outcome> {
  const { options, target } = run;
  await openLoad(run, options.wire, target.routeUrl, options.bytes);
  const users = await registerUsers(run, options.connections);
  const ours = await hold(run, target.processes, ratePerS, (from, to, startUs) =>
    connectUsers(run, users.slice(from, to), { lobby: true, ratePerS, startUs }),
  );
  await disconnectAll(run);
  return {
    load: `${options.connections} users of ${options.wire} wire ${ratePerS === 0 ? 'held' : `log in at ${ratePerS}/s`}`,
    figures: ours.figures,
    floors: [...(options.floor ? [await bare(run, ratePerS)] : []), ...(await overTcp(run, users, ratePerS))],
    problems: ours.problems,
    measured: undefined,
  };
}

/** A server of its own, so that its memory is that of these connections alone. */
async function overTcp(run: Run, users: readonly LoadUser[], ratePerS: number): Promise<Floor[]> {
  await using target = await openOverTcp(run);
  if (target === undefined) return [];
  await openLoad(run, 'own', target.routeUrl, run.options.bytes);
  const there = await registerUsers(run, users.length);
  const { figures, problems } = await hold(run, target.processes, ratePerS, (from, to, startUs) =>
    connectUsers(run, there.slice(from, to), { lobby: true, ratePerS, startUs }),
  );
  await disconnectAll(run);
  return [tcpFloor(figures, problems)];
}

async function bare(run: Run, ratePerS: number): Promise<Floor> {
  await using server = await FloorServer.start({ mode: 'hold' });
  await openLoad(run, 'bare', server.routeUrl, run.options.bytes);
  const { figures, problems } = await hold(run, server.processes, ratePerS, (from, to, startUs) =>
    connectBare(run, server, range(from, to), { ratePerS, startUs, httpFirst: ratePerS > 0 }),
  );
  await disconnectAll(run);
  return bareFloor(figures, problems);
}

/**
 * Connects the first share, then the connections that warm the server up, then those that are measured, and
 * holds all of them.
 */
async function hold(
  run: Run,
  processes: readonly MeasuredProcess[],
  ratePerS: number,
  connectSome: Connect,
): Promise<Held> {
  const { options, fleet } = run;
  const count = options.connections;
  const first = Math.floor(count * FIRST_SHARE);
  const before = await fleet.counts();
  // After a collection of all garbage the heaps are small, and take a moment to grow again.
  const warm = first + Math.floor(Math.min(ratePerS * options.warmup, (count - first) / 2));
  const early = await connectSome(0, first, startSoon(run));
  const residentFirst = await residentBytes(processes);
  const warmUp = await connectSome(first, warm, startSoon(run));
  const cpuBefore = cpuUs(processes);
  const startUs = ratePerS > 0 ? startSoon(run) : run.clock.nowUs();
  const rest = await connectSome(warm, count, startUs);
  const loginCpu = difference(cpuUs(processes), cpuBefore);
  const residentAll = await residentBytes(processes);
  const heldCpu = await holdFor(run, processes);
  const after = await fleet.counts();
  const parts = [early, warmUp, rest];
  const failed = parts.reduce((sum, part) => sum + part.failed, 0);
  const problems = [
    ...(failed === 0 ? [] : [`${failed} could not log in: ${parts.map(({ problem }) => problem).join('')}`]),
    ...(after.closed === before.closed
      ? []
      : [`${after.closed - before.closed} connections ended: ${after.problem}`]),
  ];
  const logins = rest.placed.size;
  const slope = difference(residentAll, residentFirst);
  return {
    problems,
    figures: [
      figure('connections', logins + early.placed.size + warmUp.placed.size, ''),
      figure('logins', logins / ((rest.endUs - startUs) / 1e6), '/s'),
      ...(ratePerS > 0 ? latencyFigures('login', rest.latency) : []),
      ...each(loginCpu, 'CPU a login', logins, 'µs'),
      ...each(slope, 'memory a connection', (count - first) * 1_024, 'KB'),
      ...each(heldCpu, 'CPU a held connection', count * options.seconds, 'µs/s'),
    ],
  };
}

async function holdFor(run: Run, processes: readonly MeasuredProcess[]): Promise<ByName> {
  const before = cpuUs(processes);
  const until = performance.now() + run.options.seconds * 1_000;
  while (performance.now() < until) {
    await pause(HELD_TOGETHER_MS);
    run.progress(`holding, ${Math.max(0, (until - performance.now()) / 1_000).toFixed(0)} s to go`);
  }
  return difference(cpuUs(processes), before);
}

function each(values: ByName, name: string, by: number, unit: string): Figure[] {
  if (values.size === 0) return [];
  return [
    figure(name, total(values) / by, unit),
    ...(values.size < 2
      ? []
      : [...values].map(([of, value]) => figure(`  ${name}, ${of}`, value / by, unit))),
  ];
}
