/** One measured step: sends texts at a set rate, until all stored ones have arrived. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Measured, mergeMeasured } from './fleet.ts';
import type { Via } from './load/calls.ts';
import type { LaneInfo } from './load/sender.ts';
import { type ByName, cpuUs, difference, type MeasuredProcess, sumOf, total } from './processes.ts';
import { type Figure, figure, latencyFigures } from './report.ts';
import { type Run, startSoon } from './run.ts';

export interface Part {
  readonly lanes: readonly LaneInfo[];
  readonly ratePerS: number;
  readonly burst: number;
  /** Number of recipients of each text. */
  readonly receivers: number;
}

export interface Step {
  readonly name: string;
  readonly parts: readonly Part[];
  readonly via: Via;
  readonly seconds: number;
  /** Whether the time to the last recipient of each text is measured. */
  readonly perText?: boolean;
  /** Processes whose CPU time counts. */
  readonly processes: readonly MeasuredProcess[];
}

export interface StepResult {
  readonly measured: Measured;
  readonly sent: number;
  readonly stored: number;
  readonly again: number;
  /** Recipients times texts, each counted once. */
  readonly arrived: number;
  /** Arrivals per second, from the first text due to the last arrival. */
  readonly arrivedPerS: number;
  readonly cpu: ByName;
  /** CPU time of the processes that made the load. */
  readonly loadCpuUs: number;
  readonly problems: readonly string[];
}

/** After this long without an arrival, missing texts count as lost [ms]. */
const SILENCE_MS = 8_000;
const POLL_MS = 100;

export async function measureStep(run: Run, number: number, step: Step): Promise<StepResult> {
  const { fleet, progress } = run;
  const before = await fleet.counts();
  const startUs = startSoon(run);
  await Promise.all(
    fleet.workers.map((worker) =>
      worker.call('begin', { step: number, startUs, perText: step.perText ?? false }),
    ),
  );
  const cpuBefore = cpuUs(step.processes);
  const loadBefore = cpuUs(fleet.processes);
  let expected = 0;
  const sends = step.parts.map((part) => {
    let busy = 0;
    const all = Math.max(part.burst, Math.round(part.ratePerS * step.seconds));
    return fleet.spread(
      part.lanes,
      ({ from }) => from,
      (worker, share) => {
        const ratePerS = (part.ratePerS * share.length) / part.lanes.length;
        const count = Math.round((all * share.length) / part.lanes.length);
        expected += count * part.receivers;
        // The sending workers start one after the other.
        const shifted = startUs + ((share.length === 0 ? 0 : busy++) * 1e6 * part.burst) / part.ratePerS;
        const { via } = step;
        return worker.call('send', {
          step: number,
          via,
          lanes: share,
          ratePerS,
          count,
          burst: part.burst,
          startUs: shifted,
        });
      },
    );
  });
  const sending = { ends: false };
  const sent = Promise.all(sends).finally(() => {
    sending.ends = true;
  });
  sent.catch(() => undefined); // awaited below
  let last = { arrived: 0, atMs: performance.now() };
  let shownAtMs = performance.now();
  for (;;) {
    await pause(POLL_MS);
    const counts = await fleet.counts();
    const arrived = counts.arrived - before.arrived;
    const now = performance.now();
    if (!sending.ends || arrived > last.arrived) last = { arrived, atMs: now };
    if (now - shownAtMs > 1_000) {
      const { arrival } = await fleet.measured();
      const stored = counts.sent.stored - before.sent.stored;
      progress(
        `${step.name}: ${stored} stored, ${arrived} of ${expected} arrived, p99 ${(arrival.quantile(0.99) / 1e3).toFixed(1)} ms`,
      );
      shownAtMs = now;
    }
    const complete =
      arrived >= expected &&
      counts.sent.stored - before.sent.stored >= counts.sent.created - before.sent.created;
    if (sending.ends && (complete || now - last.atMs > SILENCE_MS || counts.closed > before.closed)) break;
  }
  await sent;
  const cpu = difference(cpuUs(step.processes), cpuBefore);
  const loadCpuUs = total(difference(cpuUs(fleet.processes), loadBefore));
  // A text that comes twice may come late.
  await pause(POLL_MS);
  const after = await fleet.counts();
  const measured = await fleet.measured();
  const arrived = after.arrived - before.arrived;
  const problems: string[] = [];
  const note = (count: number, text: string) => {
    if (count > 0) problems.push(`${count} ${text}`);
  };
  const created = after.sent.created - before.sent.created;
  const stored = after.sent.stored - before.sent.stored;
  note(expected - arrived, `of ${expected} did not arrive`);
  note(after.twice - before.twice, 'arrived twice');
  note(after.outOfOrder - before.outOfOrder, 'arrived before one that was sent earlier');
  note(after.sent.failed - before.sent.failed, `were refused: ${after.problem}`);
  note(created - stored - (after.sent.failed - before.sent.failed), 'were never answered as stored');
  note(after.closed - before.closed, `connections ended: ${after.problem}`);
  return {
    measured,
    sent: created,
    stored,
    again: after.sent.again - before.sent.again,
    arrived,
    arrivedPerS: arrived / Math.max(1e-3, (measured.lastArrivalUs - startUs) / 1e6),
    cpu,
    loadCpuUs,
    problems,
  };
}

/** Joins steps of the same load that ran one after the other. */
export function together(steps: readonly StepResult[], seconds: number): StepResult {
  const sum = (of: (step: StepResult) => number): number => steps.reduce((all, step) => all + of(step), 0);
  return {
    measured: mergeMeasured(
      steps.map(({ measured }) => measured),
      Math.ceil(seconds),
    ),
    sent: sum(({ sent }) => sent),
    stored: sum(({ stored }) => stored),
    again: sum(({ again }) => again),
    arrived: sum(({ arrived }) => arrived),
    arrivedPerS: sum(({ arrivedPerS }) => arrivedPerS) / steps.length,
    cpu: sumOf(steps.map(({ cpu }) => cpu)),
    loadCpuUs: sum(({ loadCpuUs }) => loadCpuUs),
    problems: steps.flatMap(({ problems }) => problems),
  };
}

/** Figures per stored text or per delivery. Redis' share of the CPU time is shown but not counted. */
export function stepFigures(result: StepResult, unit: 'text' | 'delivery'): Figure[] {
  const works = unit === 'text' ? result.stored : result.arrived;
  const cpu = [...result.cpu];
  const ofOurs = cpu.filter(([name]) => name !== 'redis').reduce((sum, [, us]) => sum + us, 0);
  return [
    figure('arrivals', result.arrivedPerS, '/s'),
    ...latencyFigures('latency', result.measured.arrival),
    ...(result.measured.toLast.count === 0 ? [] : latencyFigures('last member', result.measured.toLast)),
    ...latencyFigures('stored', result.measured.receipt),
    figure('load late p99', result.measured.lag.quantile(0.99) / 1e3, 'ms'),
    figure(`load CPU a ${unit}`, result.loadCpuUs / works, 'µs'),
    ...(cpu.length === 0 ? [] : [figure(`server CPU a ${unit}`, ofOurs / works, 'µs')]),
    ...(cpu.length < 2 ? [] : cpu.map(([name, us]) => figure(`  of ${name}`, us / works, 'µs'))),
    ...(result.again === 0 ? [] : [figure('sent again', result.again, 'texts')]),
  ];
}
