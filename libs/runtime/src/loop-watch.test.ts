import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopWatch } from './loop-watch.ts';

test('a delay counts as held only as far as the thread used its CPU meanwhile', () => {
  const clock = { now: 0, cpu: 0 };
  const held: [number, number][] = [];
  const watch = new LoopWatch({
    onHeld: (heldMs, lateMs) => held.push([heldMs, lateMs]),
    now: () => clock.now,
    cpu: () => clock.cpu,
  });
  watch.start();
  watch.stop();
  const pass = (ms: number, cpuMs: number): void => {
    clock.now += ms;
    clock.cpu += cpuMs;
    watch.tick();
  };
  pass(20, 20); // busy, on time
  pass(70, 70); // 50 ms late: allowed
  assert.equal(watch.worstMs, 50);
  pass(5_000, 2); // the kernel did not run the process
  pass(400, 30); // the kernel did not run the process, and it did some work
  assert.deepEqual(held, []);
  pass(320, 310);
  assert.deepEqual(held, [[300, 300]]);
  pass(1_020, 90); // the process both held the loop and was not run
  assert.deepEqual(held.at(-1), [90, 1_000]);
  assert.equal(watch.worstMs, 300);
});

test('real work that holds the event loop is seen; waiting is not', async () => {
  const watch = new LoopWatch();
  watch.start();
  // Blocks the thread without work, as a machine does that runs other processes.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  await new Promise((resolve) => setTimeout(resolve, 25));
  const idle = watch.worstMs;
  assert.ok(idle < 150, `${idle} ms of waiting count as held`);
  const { user, system } = process.cpuUsage();
  const spent = (): number => {
    const usage = process.cpuUsage();
    return (usage.user + usage.system - user - system) / 1_000;
  };
  while (spent() < 400);
  await new Promise((resolve) => setTimeout(resolve, 25));
  watch.stop();
  assert.ok(watch.worstMs > 250, `${watch.worstMs} ms of work count as held`);
});
