/** The part of the fault runs that runs with the tests. `npm run chaos` prints their table. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Row } from './row.ts';
import { runs } from './runs.ts';

/** Another schedule each day. A failure names the seed. */
const seed = Math.floor(Date.now() / 86_400_000);

/** How long this program may live after its runs [ms]. */
const LINGERS_MS = 20_000;

let begunAgain = false;
after(() => {
  const timer = setTimeout(() => {
    console.error(`left open by the runs: ${process.getActiveResourcesInfo().join(', ')}`);
    // Leftovers of a run that broke off are not a fault of the tested code.
    process.exit(begunAgain ? process.exitCode : 1);
  }, LINGERS_MS);
  timer.unref();
});

for (const { name, run, apart } of runs) {
  if (apart) continue;
  test(`chaos: ${name}`, { timeout: 400_000 }, async (t) => {
    const carryOut = async (): Promise<Row[]> =>
      [await run({ seed, long: false, say: () => undefined, stop: new AbortController().signal })].flat();
    // A run that could not be carried out, for example because a Redis did not start, has shown nothing: it
    // is repeated. The findings of a complete run stand.
    const rows = await carryOut().catch((error: unknown) => {
      begunAgain = true;
      t.diagnostic(`not carried out, begun again: ${String(error)}`);
      return carryOut();
    });
    for (const { name: row, did, found } of rows) t.diagnostic(`${row}: ${did}: ${found}`);
    const broken = rows.flatMap((row) => row.broken);
    assert.deepEqual(broken, [], `npm run chaos -- --only ${name} --seed ${seed}`);
  });
}
