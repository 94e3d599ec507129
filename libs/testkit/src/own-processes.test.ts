import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { until } from './until.ts';

/**
 * A program that starts three sleeping processes, ends the second, prints the ids of the others, and then
 * runs `then`.
 */
const program = (then: string): string => `
  import { spawn } from 'node:child_process';
  import { once } from 'node:events';
  import { endWithUs } from ${JSON.stringify(new URL('./own-processes.ts', import.meta.url).href)};
  const children = [1, 2, 3].map(() => spawn('sleep', ['600'], { stdio: 'ignore' }));
  for (const child of children) endWithUs(child);
  children[1].kill();
  await once(children[1], 'exit');
  process.stdout.write(JSON.stringify([children[0].pid, children[2].pid]) + '\\n');
  children[0].kill('SIGSTOP');
  ${then}`;

const start = (then: string): ChildProcess =>
  spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program(then)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });

/** The ids that the program prints. */
async function sleepers(parent: ChildProcess): Promise<number[]> {
  assert.ok(parent.stdout);
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  return JSON.parse(line.toString()) as number[];
}

/** Whether a process is alive. A zombie counts as dead. */
function lives(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z');
  } catch {
    return false;
  }
}

for (const [how, then, end] of [
  ['by itself', 'process.exit(0);', undefined],
  ['by SIGTERM', 'setInterval(() => {}, 1000);', 'SIGTERM'],
  ['by kill -9', 'setInterval(() => {}, 1000);', 'SIGKILL'],
] as const)
  test(`processes of a test end with it when it ends ${how}, frozen ones too`, async () => {
    const parent = start(then);
    const pids = await sleepers(parent);
    assert.equal(pids.length, 2);
    if (end !== undefined) {
      assert.ok(pids.every((pid) => lives(pid)));
      parent.kill(end);
    }
    await until('they are gone', () => !pids.some((pid) => lives(pid)));
  });
