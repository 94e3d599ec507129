/** Users come back to a backlog. Measures how fast the backlog reaches them. */
import { setTimeout as pause } from 'node:timers/promises';
import { FloorServer } from '../floor/floor.ts';
import { cpuUs, difference, type MeasuredProcess, total } from '../processes.ts';
import { bareFloor, type Figure, figure, type Floor, latencyFigures } from '../report.ts';
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
import type { Connected, Measured } from '../fleet.ts';
import type { Outcome } from './outcome.ts';

const FILL_PER_S = 20_000;
const SILENCE_MS = 10_000;
const POLL_MS = 100;
/**
 * The step of the backlog's texts. Their latency counts from the return of the user, not from when they were
 * sent.
 */
const BACKLOG_STEP = 0;

interface Return {
  readonly figures: Figure[];
  readonly problems: string[];
  readonly measured: Measured;
}

export async function offline(run: Run): Promise<Outcome> {
  const { options, target, fleet } = run;
  await openLoad(run, options.wire, target.routeUrl, options.bytes);
  const users = await registerUsers(run, options.connections * 2);
  const senders = users.slice(0, options.connections);
  const away = users.slice(options.connections);
  await connectUsers(run, senders, { lobby: false });
  const lanes = senders.flatMap((from, lane) => {
    const to = away[lane];
    if (to === undefined) return [];
    return [{ lane, from: from.index, fromUserId: from.userId, to: to.index, toUserId: to.userId }];
  });
  const wanted = lanes.length * options.backlog;
  const startUs = startSoon(run);
  await fleet.spread(
    lanes,
    ({ from }) => from,
    (worker, share) =>
      worker.call('send', {
        step: BACKLOG_STEP,
        via: options.via,
        lanes: share,
        ratePerS: (FILL_PER_S * share.length) / lanes.length,
        count: share.length * options.backlog,
        burst: 1,
        startUs,
      }),
  );
  let stored = 0;
  for (let quietMs = 0; stored < wanted && quietMs < SILENCE_MS; quietMs += POLL_MS) {
    await pause(POLL_MS);
    const { sent } = await fleet.counts();
    if (sent.stored > stored) quietMs = 0;
    stored = sent.stored;
    run.progress(`${stored} of ${wanted} are stored`);
  }
  const { sent, problem } = await fleet.counts();
  const filled = sent.stored === wanted ? [] : [`${wanted - sent.stored} could not be stored: ${problem}`];
  const ours = await comeBack(run, target.processes, sent.stored, () =>
    connectUsers(run, away, { lobby: false, fetch: true }),
  );
  await disconnectAll(run);
  return {
    load: `${options.connections} users of ${options.wire} wire come back to ${options.backlog} texts each`,
    figures: ours.figures,
    floors: options.floor ? [await bareBacklog(run)] : [],
    problems: [...filled, ...ours.problems],
    measured: ours.measured,
  };
}

async function bareBacklog(run: Run): Promise<Floor> {
  const { connections, backlog, bytes } = run.options;
  await using server = await FloorServer.start({ mode: 'push', backlog, bytes });
  await openLoad(run, 'bare', server.routeUrl, bytes);
  // Indexes that none of our users has, since arrivals are counted by lane.
  const indexes = range(0x10_0000, 0x10_0000 + connections);
  const { figures, problems } = await comeBack(run, server.processes, connections * backlog, () =>
    connectBare(run, server, indexes),
  );
  await disconnectAll(run);
  return bareFloor(figures, problems);
}

async function comeBack(
  run: Run,
  processes: readonly MeasuredProcess[],
  wanted: number,
  connect: () => Promise<Connected>,
): Promise<Return> {
  const { fleet } = run;
  const before = await fleet.counts();
  const cpuBefore = cpuUs(processes);
  const startUs = run.clock.nowUs();
  await Promise.all(
    fleet.workers.map((worker) => worker.call('begin', { step: BACKLOG_STEP, startUs, perText: false })),
  );
  const connected = await connect();
  let arrived = 0;
  for (let quietMs = 0; arrived < wanted && quietMs < SILENCE_MS; quietMs += POLL_MS) {
    await pause(POLL_MS);
    const counts = await fleet.counts();
    if (counts.arrived - before.arrived > arrived) quietMs = 0;
    arrived = counts.arrived - before.arrived;
    run.progress(`${arrived} of ${wanted} have come`);
  }
  const cpu = total(difference(cpuUs(processes), cpuBefore));
  const after = await fleet.counts();
  const measured = await fleet.measured();
  const seconds = (measured.lastArrivalUs - startUs) / 1e6;
  const missing = wanted - (after.arrived - before.arrived);
  return {
    measured,
    problems: [
      ...(connected.failed === 0 ? [] : [`${connected.failed} could not log in: ${connected.problem}`]),
      ...(missing === 0 ? [] : [`${missing} of ${wanted} did not arrive`]),
      ...(after.twice === before.twice ? [] : [`${after.twice - before.twice} arrived twice`]),
      ...(after.closed === before.closed ? [] : [`connections ended: ${after.problem}`]),
    ],
    figures: [
      figure('arrivals', arrived / seconds, '/s'),
      figure('until all had all', seconds, 's'),
      ...latencyFigures('login', connected.latency),
      ...(processes.length === 0 ? [] : [figure('server CPU a text', cpu / Math.max(1, arrived), 'µs')]),
    ],
  };
}
