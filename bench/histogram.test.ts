import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Histogram } from './histogram.ts';

const exact = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.max(1, Math.ceil(share * values.length)) - 1] ?? 0;

test('a quantile is at or above the exact one, by less than 1 %', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 200 }),
      fc.constantFrom(0, 0.5, 0.9, 0.99, 0.999, 1),
      (values, share) => {
        const histogram = new Histogram();
        for (const value of values) histogram.record(value);
        const right = exact(values, share);
        const told = histogram.quantile(share);
        assert.ok(told >= right && told <= right * 1.01, `${told} for ${right}`);
        assert.equal(histogram.max, Math.max(...values));
        assert.equal(histogram.count, values.length);
      },
    ),
  );
});

test('histograms of several processes add up to the one of all values', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.integer({ min: 0, max: 10_000_000 }))), (parts) => {
      const all = new Histogram();
      const sum = new Histogram();
      for (const part of parts) {
        const one = new Histogram();
        for (const value of part) {
          one.record(value);
          all.record(value);
        }
        sum.add(one.data());
      }
      assert.deepEqual(sum.data(), all.data());
      assert.equal(sum.mean, all.mean);
    }),
  );
});

test('values outside the range are counted at its ends', () => {
  const histogram = new Histogram();
  histogram.record(-5);
  histogram.record(1e12);
  assert.equal(histogram.quantile(0.5), 0);
  assert.equal(histogram.quantile(1), 2 ** 31 - 1);
});

test('countsUpTo counts each value once', () => {
  const histogram = new Histogram();
  for (let us = 1; us <= 1_000; us++) histogram.record(us);
  const counts = histogram.countsUpTo([127, 255, 600]);
  assert.deepEqual(counts, [127, 128, 745]);
});
