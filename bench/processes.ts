/** CPU time and memory of processes on this machine, as the kernel tells. Linux only. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Module that makes a Node process collect garbage on SIGUSR2. */
export const PRELOAD_GC = new URL('gc.mjs', import.meta.url).href;
/** Module that writes on exit how the processor time of a Node process spreads over its functions. */
export const PRELOAD_PROFILE = new URL('profile.mjs', import.meta.url).href;

export interface MeasuredProcess {
  /** Several processes may have one name, such as im-server. */
  readonly name: string;
  readonly pid: number;
  /** Whether SIGUSR2 makes the process collect garbage; the signal would end any other process. */
  readonly collects: boolean;
}

/** Key: name. Value: sum over the processes of that name. */
export type ByName = ReadonlyMap<string, number>;

/** The kernel counts in hundredths of a second. */
const US_PER_TICK = 10_000;
const SETTLE_MS = 700;

function sumByName(values: readonly (readonly [name: string, value: number])[]): ByName {
  const sums = new Map<string, number>();
  for (const [name, value] of values) sums.set(name, (sums.get(name) ?? 0) + value);
  return sums;
}

const ofEach = (processes: readonly MeasuredProcess[], of: (pid: number) => number): ByName =>
  sumByName(processes.map(({ name, pid }) => [name, of(pid)]));

/** User and system time of processes since they were started [µs]. */
export const cpuUs = (processes: readonly MeasuredProcess[]): ByName =>
  ofEach(processes, (pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * US_PER_TICK;
  });

/** Resident memory of processes [bytes], after those that can do it have collected garbage. */
export async function residentBytes(processes: readonly MeasuredProcess[]): Promise<ByName> {
  for (let round = 0; round < 2; round++) {
    for (const { pid, collects } of processes) if (collects) process.kill(pid, 'SIGUSR2');
    await pause(SETTLE_MS);
  }
  return ofEach(
    processes,
    (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1_024,
  );
}

export const difference = (later: ByName, earlier: ByName): ByName =>
  new Map([...later].map(([name, value]) => [name, value - (earlier.get(name) ?? 0)]));

export const sumOf = (parts: readonly ByName[]): ByName => sumByName(parts.flatMap((part) => [...part]));

export const total = (values: ByName): number => [...values.values()].reduce((sum, value) => sum + value, 0);
