import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, milliseconds, percent, rate, since } from './figures.ts';

test('figures are short, and say their unit', () => {
  assert.deepEqual([0, 999, 1_500, 412_000_000, 9_900_000_000].map(bytes), [
    '0 B',
    '999 B',
    '1.5 KB',
    '412 MB',
    '9.9 GB',
  ]);
  assert.deepEqual([0.4, 12.4, 1_500, 35_000].map(milliseconds), ['0.4 ms', '12 ms', '1.5 s', '35 s']);
  assert.deepEqual([0, 0.25, 9.94, 1_234.5].map(rate), ['0', '0.3', '9.9', '1,235']);
  assert.equal(percent(0.314), '31%');
  const at = '2026-11-28T12:00:00.000Z';
  const after = (s: number): string => since(at, Date.parse(at) + s * 1_000);
  assert.deepEqual([-5, 59, 60, 7_199, 86_400, 200_000].map(after), [
    '0 s',
    '59 s',
    '1 min',
    '1 h',
    '24 h',
    '2 d',
  ]);
});
