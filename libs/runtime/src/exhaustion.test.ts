import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { platform, totalmem } from 'node:os';
import { test } from 'node:test';
import { Exhaustion, readUsed } from './exhaustion.ts';

const MB = 1024 * 1024;

interface Line {
  readonly resource: string;
  readonly percent: number;
}

test('warns once when 80 % of something is in use, and again only after it was below 70 %', () => {
  const warned: unknown[] = [];
  let files = 0.79;
  const logger = {
    warn: ({ resource, percent }: Line) => void warned.push([resource, percent]),
    info: () => undefined,
  };
  const exhaustion = new Exhaustion(logger as never, () => ({ files, heap: 0.1, memory: 0.2 }));
  for (const used of [0.79, 0.8, 0.89, 0.75, 0.85, 0.69, 0.81]) {
    files = used;
    exhaustion.look();
  }
  assert.deepEqual(warned, [
    ['files', 80],
    ['files', 81],
  ]);
});

test('from 90 % on something is scarce, below 85 % it is low, below 70 % there is enough; listeners hear each change', () => {
  const warned: number[] = [];
  const supplies: string[] = [];
  const logger = { warn: ({ percent }: Line) => void warned.push(percent), info: () => undefined };
  const exhaustion = new Exhaustion(logger as never, () => ({}));
  exhaustion.onSupply((supply) => supplies.push(supply));
  const seen = [0.79, 0.81, 0.9, 0.86, 0.84, 0.89, 0.91, 0.71, 0.69, 0.95].map((used) => {
    exhaustion.note('connections', used);
    return exhaustion.supply;
  });
  assert.deepEqual(seen, [
    'enough',
    'low',
    'scarce',
    'scarce',
    'low',
    'low',
    'scarce',
    'low',
    'enough',
    'scarce',
  ]);
  assert.deepEqual(supplies, ['low', 'scarce', 'low', 'scarce', 'low', 'enough', 'scarce']);
  assert.deepEqual(warned, [81, 90, 91, 95]);
});

test('the scarcest resource counts, until it has recovered', () => {
  const logger = { warn: () => undefined, info: () => undefined };
  const exhaustion = new Exhaustion(logger as never, () => ({}));
  exhaustion.note('memory', 0.95);
  exhaustion.note('files', 0.1);
  exhaustion.note('connections', 0.8);
  assert.equal(exhaustion.supply, 'scarce');
  exhaustion.note('memory', 0.5);
  assert.equal(exhaustion.supply, 'low');
  exhaustion.note('connections', 0.5);
  assert.equal(exhaustion.supply, 'enough');
});

test('readUsed answers shares between 0 and 1', () => {
  const { files, heap, memory } = readUsed(1_000);
  for (const share of [files, heap, memory]) assert.ok(share > 0 && share < 1, String(share));
});

test('pages of files are not memory that the process holds: Linux takes them back', {
  skip: platform() !== 'linux',
}, () => {
  const limit = Math.min(process.constrainedMemory() || totalmem(), totalmem());
  const held = readUsed(1_000).memory * limit;
  // The program of Node itself is mapped from its file, and much of it is read.
  assert.ok(held < process.memoryUsage.rss() - 16 * MB, `${held} of ${process.memoryUsage.rss()}`);
  const more = Buffer.alloc(64 * MB, 1);
  assert.ok(readUsed(1_000).memory * limit > held + 48 * MB, `${more.length} bytes more`);
});

test('a process that may have few files open says so when most of them are', () => {
  const module = new URL('./exhaustion.ts', import.meta.url).href;
  const program = `
    const { Exhaustion, readUsed } = await import(${JSON.stringify(module)});
    const { openSync } = await import('node:fs');
    const exhaustion = new Exhaustion({ warn: ({ resource, percent }) => console.log(resource, percent > 85) }, () => ({ files: readUsed(256).files }));
    exhaustion.look();
    for (let n = 0; n < 225; n++) openSync('/dev/null');
    exhaustion.look();
    exhaustion.look();`;
  const script = `ulimit -n 256; exec "$0" --import tsx --input-type=module -e "$1"`;
  assert.equal(
    execFileSync('sh', ['-c', script, process.execPath, program], { encoding: 'utf8' }),
    'files true\n',
  );
});
