import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentLoad } from './recent-load.ts';

test('the load is that of the last 10 to 20 s', () => {
  let [now, cpu] = [0, 0];
  const recent = new RecentLoad(
    () => now,
    () => cpu,
  );
  const pass = (ms: number, cpuMs: number, lateMs: number): void => {
    now += ms;
    cpu += cpuMs;
    recent.delayed(lateMs);
  };
  assert.equal(recent.load.cpu, 0);
  pass(4_000, 4_000, 70);
  assert.deepEqual([recent.load.cpu, recent.load.loopDelayMs], [1, 70]);
  pass(6_000, 0, 5);
  assert.equal(recent.load.cpu, 0.4);
  assert.equal(recent.load.loopDelayMs, 70, 'it is not forgotten when the window ends');
  pass(10_000, 2_500, 3);
  assert.deepEqual([recent.load.cpu, recent.load.loopDelayMs], [0.25, 5]);
  assert.ok(recent.load.rssBytes > 1_000_000);
});
