/** `npm run chaos`: breaks a cluster in every way there is, and shows what became of the promise. */
import { parseArgs } from 'node:util';
import type { Row, RunOptions } from './row.ts';
import { runs } from './runs.ts';

const { values } = parseArgs({
  options: { seed: { type: 'string' }, long: { type: 'boolean' }, only: { type: 'string' } },
});
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
if (!Number.isSafeInteger(seed)) throw new Error('--seed is a whole number');
const chosen = runs.filter(({ name }) => values.only === undefined || name.includes(values.only));
if (chosen.length === 0) {
  console.error(
    `no run has "${values.only ?? ''}" in its name; there are: ${runs.map(({ name }) => name).join(', ')}`,
  );
  process.exit(1);
}

console.log(`seed ${seed}`);
const rows: Row[] = [];
for (const { name, run } of chosen) {
  const begun = performance.now();
  const say: RunOptions['say'] = (line) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${name}: ${line}`);
  };
  const made = await run({ seed, long: values.long === true, say }).catch((error: unknown): Row[] => [
    { name, did: 'failed', found: '', broken: [String(error)] },
  ]);
  say('');
  for (const row of [made].flat()) {
    rows.push(row);
    const seconds = ((performance.now() - begun) / 1000).toFixed(0);
    console.log(
      `${row.broken.length === 0 ? 'held  ' : 'BROKEN'} ${row.name} (${seconds} s): ${row.did}: ${row.found}`,
    );
    for (const line of row.broken) console.log(`         ${line}`);
  }
}

console.log('\n| run | done | found | held |\n| --- | --- | --- | --- |');
for (const { name, did, found, broken } of rows)
  console.log(`| ${name} | ${did} | ${found} | ${broken.length === 0 ? 'yes' : '**no**'} |`);
process.exit(rows.every(({ broken }) => broken.length === 0) ? 0 : 1);
