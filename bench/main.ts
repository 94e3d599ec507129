/**
 * `npm run bench -- WORKLOAD [options]` measures a server next to a bare one, and checks that every text
 * arrives.
 */
import { writeFileSync } from 'node:fs';
import { Clock } from './clock.ts';
import { Fleet } from './fleet.ts';
import { Histogram } from './histogram.ts';
import { type Options, parseOptions, type Workload } from './options.ts';
import { machine, printReport, ratiosOf, type Report, secondsOf } from './report.ts';
import type { Run } from './run.ts';
import { smokeRuns } from './smoke.ts';
import { drawReport } from './svg.ts';
import { openTarget, type Target } from './target.ts';
import { connect, idle } from './workloads/connect.ts';
import { group } from './workloads/group.ts';
import { mix } from './workloads/mix.ts';
import { offline } from './workloads/offline.ts';
import type { Outcome } from './workloads/outcome.ts';
import { p2p } from './workloads/p2p.ts';

const RUNS: Readonly<Record<Workload, (run: Run) => Promise<Outcome>>> = {
  connect,
  idle,
  p2p,
  group,
  offline,
  mix,
};

function progressTo(stream: NodeJS.WriteStream): (line: string) => void {
  return stream.isTTY
    ? (line) => void stream.write(`\r\u001b[K${line}`)
    : (line) => void stream.write(`${line}\n`);
}

async function runWorkload(workload: Workload, options: Options, target: Target): Promise<Report> {
  const fleet = new Fleet(options.workers);
  try {
    const run = { options, target, fleet, clock: new Clock(), progress: progressTo(process.stderr) };
    const outcome = await RUNS[workload](run);
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    return {
      workload,
      at: new Date().toISOString(),
      machine: machine(),
      target: target.description,
      load: outcome.load,
      figures: outcome.figures,
      floors: outcome.floors.map((floor) => ({
        ...floor,
        ratios: ratiosOf(outcome.figures, floor),
      })),
      problems: [
        ...outcome.problems,
        ...outcome.floors.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`)),
      ],
      seconds: secondsOf(outcome.measured?.perSecond ?? new Map<number, Histogram>()),
      histogram: (outcome.measured?.arrival ?? new Histogram()).data(),
    };
  } finally {
    fleet.end();
  }
}

async function main(options: Options): Promise<void> {
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());
  await using target = await openTarget(options);
  const runs =
    options.workload === 'smoke' ? smokeRuns(options) : [{ ...options, workload: options.workload }];
  for (const one of runs) {
    const report = await Promise.race([runWorkload(one.workload, one, target), aborted(stopped.signal)]);
    console.log(options.json ? JSON.stringify(report) : printReport(report));
    if (report.problems.length > 0) process.exitCode = 1;
    if (options.svg !== '') writeFileSync(options.svg, drawReport(report));
  }
}

/** Rejects when the signal is aborted, so that everything that was started is ended in order. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('stopped')));
  });
}

const parsed = parseOptions(process.argv.slice(2));
if (parsed.kind === 'help') console.log(parsed.text);
else if (parsed.kind === 'problem') {
  console.error(parsed.text);
  process.exitCode = 1;
} else {
  try {
    await main(parsed.options);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
  // A run that was stopped leaves timers and connections behind.
  process.exit();
}
