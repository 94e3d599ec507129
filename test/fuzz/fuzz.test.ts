/** The share of the fuzz that runs with the tests. `npm run fuzz` runs for longer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from './run.ts';

/** The seed changes every day. A failure names it. */
const seed = Math.floor(Date.now() / 86_400_000);

test('hostile frames and requests end nothing, get no 5xx, grow nothing, and a healthy pair talks on', {
  timeout: 300_000,
}, async (t) => {
  const { broken, figures } = await fuzz({ seed, frames: { tcp: 20_000, ws: 20_000, http: 3_000 } });
  for (const line of figures) t.diagnostic(line);
  assert.deepEqual(broken, [], `npm run fuzz -- --seed ${seed}`);
});

test('with default limits, hostile clients are refused, and a healthy pair talks on', {
  timeout: 120_000,
}, async (t) => {
  const { broken, figures } = await fuzz({
    seed,
    frames: { tcp: 1_000, ws: 1_000, http: 200 },
    withLimits: true,
  });
  for (const line of figures) t.diagnostic(line);
  assert.deepEqual(broken, [], `npm run fuzz -- --with-limits --frames 2000 --seed ${seed}`);
});
