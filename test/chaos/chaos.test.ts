/** The share of the fault runs that every test run takes; `npm run chaos` prints their table. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runs } from './runs.ts';

/** Another schedule each day; a failure names it. */
const seed = Math.floor(Date.now() / 86_400_000);

for (const { name, run } of runs)
  test(`chaos: ${name}`, { timeout: 180_000 }, async (t) => {
    const rows = [await run({ seed, long: false, say: () => undefined })].flat();
    for (const { name: row, did, found } of rows) t.diagnostic(`${row}: ${did}: ${found}`);
    const broken = rows.flatMap((row) => row.broken);
    assert.deepEqual(broken, [], `npm run chaos -- --only ${name} --seed ${seed}`);
  });
