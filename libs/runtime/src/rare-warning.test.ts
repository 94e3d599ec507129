import assert from 'node:assert/strict';
import { test } from 'node:test';
import pino from 'pino';
import { RareWarning } from './rare-warning.ts';

test('a warning that is due often is logged at once, and later again with the number of times', () => {
  type Line = { msg: string; times: number; n: number };
  const lines: Line[] = [];
  const logger = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
  const seldom = new RareWarning(logger, 'it.happens', 60_000);
  for (let n = 1; n <= 1_000; n++) seldom.due({ n });
  assert.deepEqual(
    lines.map(({ msg, times, n }) => ({ msg, times, n })),
    [{ msg: 'it.happens', times: 1, n: 1 }],
  );
  const always = new RareWarning(logger, 'it.happens', 0);
  always.due({ n: 1 });
  always.due({ n: 2 });
  assert.equal(lines.length, 3);
});
