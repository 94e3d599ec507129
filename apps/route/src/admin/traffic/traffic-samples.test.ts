import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Traffic } from '@cim/runtime';
import { percentilesOf } from './percentiles.ts';
import { TrafficSamples } from './traffic-samples.ts';

const traffic = (stored: number, deliveries = 0, durations: number[] = []): Traffic => ({
  sends: { stored, refused: 0, retry: 0, gap: 0, 'unknown-producer': 0 },
  ...{ deliveries, refusedConnections: 0, sendDurations: durations, deliveryDurations: [] },
});
const rest = { sessions: 3, silent: 1 };

test('a sample is what all processes have counted since the one before', () => {
  const samples = new TrafficSamples(10);
  const add = (at: number, a: Traffic, b?: Traffic) =>
    samples.add({
      ...{ at, ...rest },
      counted: [{ name: 'a', traffic: a }, ...(b === undefined ? [] : [{ name: 'b', traffic: b }])],
    });
  add(1_000, traffic(5));
  assert.equal(samples.samples.length, 0);
  // What b has counted before this route met it is in no sample.
  add(6_000, traffic(7, 4), traffic(100));
  add(11_000, traffic(7, 4), traffic(103, 1, [0, 2]));
  // a did not answer, b began anew.
  samples.add({ ...{ at: 16_000, ...rest }, counted: [{ name: 'b', traffic: traffic(2) }] });
  // a answers again: nothing of it is lost.
  add(21_000, traffic(17, 4), traffic(2));
  const [first, second, third, fourth] = samples.samples;
  assert.deepEqual(
    [first, second, third, fourth].map((one) => [one?.at, one?.seconds, one?.sends.stored, one?.deliveries]),
    [
      [6_000, 5, 2, 4],
      [11_000, 5, 3, 1],
      [16_000, 5, 2, 0],
      [21_000, 5, 10, 0],
    ],
  );
  assert.deepEqual([first?.sessions, first?.silent, first?.sendMs], [3, 1, undefined]);
  assert.equal(second?.sendMs?.p50, 0.75);
});

test('the oldest samples go, and the counts of a process that is gone with them', () => {
  const samples = new TrafficSamples(2);
  const add = (s: number, name: string, stored: number) =>
    samples.add({ ...rest, at: s * 1_000, counted: [{ name, traffic: traffic(stored) }] });
  for (const [s, name] of [
    [1, 'a'],
    [2, 'a'],
    [3, 'b'],
    [4, 'b'],
    [5, 'b'],
  ] as const)
    add(s, name, s);
  assert.deepEqual(
    samples.samples.map(({ at }) => at),
    [4_000, 5_000],
  );
  add(6, 'a', 60);
  assert.equal(samples.samples.at(-1)?.sends.stored, 0, 'a was forgotten');
  add(7, 'a', 61);
  assert.equal(samples.samples.at(-1)?.sends.stored, 1);
});

test('a clock that was set back makes no sample of negative length', () => {
  const samples = new TrafficSamples(2);
  for (const at of [5_000, 4_000, 6_000]) samples.add({ ...{ at, ...rest }, counted: [] });
  assert.deepEqual(
    samples.samples.map(({ seconds }) => seconds),
    [2],
  );
});

test('a percentile lies within its bucket, and beyond the last limit at that limit', () => {
  const limits = [0.001, 0.002, 0.01];
  assert.equal(percentilesOf([0, 0, 0, 0], limits), undefined);
  assert.deepEqual(percentilesOf([0, 100, 0, 0], limits), { p50: 1.5, p95: 1.95, p99: 1.99 });
  assert.deepEqual(percentilesOf([50, 0, 45, 5], limits), { p50: 1, p95: 10, p99: 10 });
});
