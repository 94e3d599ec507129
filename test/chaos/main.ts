/** `npm run chaos`: breaks a cluster in every known manner, and shows whether the promises held. */
import { parseArgs } from 'node:util';
import type { Row } from './row.ts';
import { runs } from './runs.ts';
import { append, lineOf, read, type Result, tableOf } from './table.ts';
import { Watch } from './watch.ts';
import { chooseWire, WIRES } from './wire.ts';

/** Longest time from a request to stop until everything is judged [ms]. */
const GRACE_MS = 120_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    long: { type: 'boolean' },
    only: { type: 'string' },
    minutes: { type: 'string' },
    json: { type: 'string' },
    table: { type: 'boolean' },
    wire: { type: 'string' },
  },
});

function end(results: readonly Result[], code?: number): never {
  console.log(`\n${tableOf(results)}`);
  process.exit(code ?? (results.every(({ broken }) => broken.length === 0) ? 0 : 1));
}

if (values.table === true) {
  const place = (run: string): number => runs.findIndex(({ name }) => name === run);
  end(positionals.flatMap(read).sort((a, b) => place(a.run) - place(b.run)));
}
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
if (!Number.isSafeInteger(seed)) throw new Error('--seed is a whole number');
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
if (minutes !== undefined && !(minutes > 0)) throw new Error('--minutes is a number above 0');
const chosen = runs.filter(({ name }) => values.only === undefined || name.includes(values.only));
if (chosen.length === 0) {
  console.error(
    `no run has "${values.only ?? ''}" in its name; there are: ${runs.map(({ name }) => name).join(', ')}`,
  );
  process.exit(1);
}

const wire = WIRES.find((one) => one === (values.wire ?? 'tcp'));
if (wire === undefined) throw new Error(`--wire is one of ${WIRES.join(', ')}`);
chooseWire(wire);

const results: Result[] = [];
const interrupt = new AbortController();
let interruptedAt: number | undefined;
/** The first request to stop lets the run judge what it has. A second one ends everything at once. */
const onWish = (): void => {
  // A terminal signals a whole group of processes, and one of them may pass the signal on.
  if (interruptedAt !== undefined && performance.now() - interruptedAt < 1_000) return;
  if (interruptedAt !== undefined) end(results, 130);
  interruptedAt = performance.now();
  console.error('ending after this fault; once more: at once');
  interrupt.abort();
  setTimeout(() => end(results, 130), GRACE_MS).unref();
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onWish);
// The process that started this one is gone, and can no longer pass signals on.
process.on('disconnect', onWish);

console.log(`seed ${seed}${wire === 'tcp' ? '' : `, wire ${wire}`}`);
for (const { name, run } of chosen) {
  if (interrupt.signal.aborted) break;
  const watch = new Watch((line) => console.error(`${name}: ${line}`));
  const stopping = new AbortController();
  const stopThis = (): void => stopping.abort();
  interrupt.signal.addEventListener('abort', stopThis);
  const timer = minutes === undefined ? undefined : setTimeout(stopThis, minutes * 60_000);
  const stop = stopping.signal;
  const carriedOut = run({ seed, long: values.long === true, say: (progress) => watch.say(progress), stop });
  const made = await Promise.race([carriedOut, watch.untilStill()]).catch((error: unknown): Row[] => [
    { name, did: 'failed', faults: 0, found: watch.line, broken: [String(error)] },
  ]);
  watch.stop();
  clearTimeout(timer);
  interrupt.signal.removeEventListener('abort', stopThis);
  for (const row of [made].flat()) {
    const did = stop.aborted ? `${row.did} (ended early)` : row.did;
    const result = { ...row, did, run: name, seed, seconds: watch.seconds };
    results.push(result);
    if (values.json !== undefined) append(values.json, result);
    console.log(lineOf(result));
  }
}
end(results, interrupt.signal.aborted ? 130 : undefined);
