/**
 * Private texts. Each of `pairs` users sends to one other user, at another im-server when there are several.
 */
import { type FloorMode, FloorServer } from '../floor/floor.ts';
import type { LoadUser } from '../load/calls.ts';
import type { LaneInfo } from '../load/sender.ts';
import { findRate } from '../find-rate.ts';
import type { MeasuredProcess } from '../processes.ts';
import type { Floor } from '../report.ts';
import {
  connectBare,
  connectUsers,
  disconnectAll,
  openLoad,
  range,
  registerUsers,
  type Run,
} from '../run.ts';
import { measureStep, type Step, type StepResult, stepFigures } from '../sending.ts';
import type { Outcome } from './outcome.ts';

/** First lane of the bare servers, far above our own lanes. */
export const BARE_LANES = 0x80_0000;
const STORING_LANES = 0xc0_0000;
const WARM_STEP = 1;

export async function p2p(run: Run): Promise<Outcome> {
  const { options, target } = run;
  await openLoad(run, options.wire, target.routeUrl, options.bytes);
  const users = await registerUsers(run, Math.max(options.pairs * 2, options.connections));
  const { placed, failed, problem } = await connectUsers(run, users, { lobby: false });
  if (failed > 0) throw new Error(`${failed} users could not log in: ${problem}`);
  const lanes = pair(users.slice(0, options.pairs * 2), placed);
  const step = (name: string, ratePerS: number, seconds: number): Step => ({
    name,
    parts: [{ lanes, ratePerS, burst: options.burst, receivers: 1 }],
    via: options.via,
    seconds,
    processes: target.processes,
  });
  const problems: string[] = [];
  let number = WARM_STEP;
  const measure = async (name: string, ratePerS: number, seconds: number): Promise<StepResult> => {
    const result = await measureStep(run, number++, step(name, ratePerS, seconds));
    problems.push(...result.problems);
    return result;
  };
  if (options.warmup > 0) await measure('warm-up', options.warmupRate, options.warmup);
  const found = options.findRate
    ? await findRate(run, (rate) => measure(`${rate}/s`, rate, options.seconds))
    : undefined;
  const ratePerS = found?.ratePerS ?? options.rate;
  const result = found?.best ?? (await measure('p2p', ratePerS, options.seconds));
  await disconnectAll(run);
  return {
    load: `${ratePerS} texts/s of ${options.bytes} bytes, ${options.pairs} pairs, ${options.wire} wire, sent over ${options.via}`,
    figures: [...(found?.figures ?? []), ...stepFigures(result, 'text')],
    floors: options.floor ? await bareForward(run, ratePerS) : [],
    problems,
    measured: result.measured,
  };
}

/** Pairs senders with recipients at other im-servers, as far as possible. */
export function pair(users: readonly LoadUser[], placed: ReadonlyMap<number, string>): LaneInfo[] {
  const byServer = new Map<string, LoadUser[]>();
  for (const user of users) {
    const server = placed.get(user.index) ?? '';
    byServer.set(server, [...(byServer.get(server) ?? []), user]);
  }
  // The list has all users of one server, then all of the next. When the servers have equal numbers, the user
  // half a list further is at another server.
  const sorted = [...byServer.values()].flat();
  const half = sorted.length / 2;
  return range(0, half).flatMap((lane) => {
    const [from, to] = [sorted[lane], sorted[lane + half]];
    if (from === undefined || to === undefined) return [];
    return [{ lane, from: from.index, fromUserId: from.userId, to: to.index, toUserId: to.userId }];
  });
}

type Unit = 'text' | 'delivery';

/** A bare server, measured by itself. */
interface Forwarder {
  readonly name: string;
  readonly mode: FloorMode;
  /** The number of its first lane. */
  readonly lanesFrom: number;
  /** Processes whose CPU time is added to the server's. */
  readonly others: readonly MeasuredProcess[];
}

/**
 * Sends the same texts at the same rate through a server that only forwards bytes, and through one that first
 * stores them in Redis.
 */
export async function bareForward(run: Run, ratePerS: number, unit: Unit = 'text'): Promise<Floor[]> {
  const { redis, processes } = run.target;
  const forwarders: Forwarder[] = [
    { name: 'bare server', mode: { mode: 'forward' }, lanesFrom: BARE_LANES, others: [] },
  ];
  if (redis !== undefined)
    forwarders.push({
      name: 'bare server that stores',
      mode: { mode: 'store', redis },
      lanesFrom: STORING_LANES,
      others: processes.filter(({ name }) => name === 'redis'),
    });
  const floors: Floor[] = [];
  for (const forwarder of forwarders) floors.push(await forwarded(run, forwarder, ratePerS, unit));
  return floors;
}

async function forwarded(
  run: Run,
  { name, mode, lanesFrom, others }: Forwarder,
  ratePerS: number,
  unit: Unit,
): Promise<Floor> {
  const { options } = run;
  await using server = await FloorServer.start(mode);
  await openLoad(run, 'bare', server.routeUrl, options.bytes);
  await connectBare(run, server, range(0, options.pairs * 2));
  const lanes = range(0, options.pairs).map((i) => ({
    lane: lanesFrom + i,
    from: 2 * i,
    fromUserId: 2 * i,
    to: 2 * i + 1,
    toUserId: 2 * i + 1,
  }));
  const step = (rate: number, seconds: number): Step => ({
    name,
    parts: [{ lanes, ratePerS: rate, burst: options.burst, receivers: 1 }],
    via: options.via,
    seconds,
    processes: [...server.processes, ...others],
  });
  if (options.warmup > 0) await measureStep(run, 0xff00, step(options.warmupRate, options.warmup));
  const result = await measureStep(run, 0xff01, step(ratePerS, Math.min(5, options.seconds)));
  await disconnectAll(run);
  const figures = stepFigures(result, unit).filter((one) => !one.name.startsWith('load '));
  return { name, figures, problems: result.problems };
}
