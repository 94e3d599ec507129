import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { Exhaustion, readUsed } from './exhaustion.ts';

test('warns once when 80 % of something is in use, and again only after it was below 70 %', () => {
  const warned: unknown[] = [];
  let files = 0.79;
  const logger = {
    warn: (fields: { resource: string; percent: number }) =>
      void warned.push([fields.resource, fields.percent]),
  };
  const exhaustion = new Exhaustion(logger as never, () => ({ files, heap: 0.1, memory: 0.2 }));
  for (const used of [0.79, 0.8, 0.95, 0.75, 0.85, 0.69, 0.81]) {
    files = used;
    exhaustion.look();
  }
  assert.deepEqual(warned, [
    ['files', 80],
    ['files', 81],
  ]);
});

test('readUsed answers shares between 0 and 1', () => {
  const { files, heap, memory } = readUsed(1_000);
  for (const share of [files, heap, memory]) assert.ok(share > 0 && share < 1, String(share));
});

test('a process that may have few files open says so when most of them are', () => {
  const module = new URL('./exhaustion.ts', import.meta.url).href;
  const program = `
    const { Exhaustion, readUsed } = await import(${JSON.stringify(module)});
    const { openSync } = await import('node:fs');
    const exhaustion = new Exhaustion({ warn: ({ resource }) => console.log(resource) }, () => readUsed(256));
    exhaustion.look();
    for (let n = 0; n < 210; n++) openSync('/dev/null');
    exhaustion.look();
    exhaustion.look();`;
  const script = `ulimit -n 256; exec "$0" --import tsx --input-type=module -e "$1"`;
  assert.equal(
    execFileSync('sh', ['-c', script, process.execPath, program], { encoding: 'utf8' }),
    'files\n',
  );
});
