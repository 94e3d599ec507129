import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { append, chanceBelow, read, type Result, tableOf } from './table.ts';

const row: Result = {
  ...{ run: 'redis-kills', seed: 1, seconds: 2, name: 'Redis', did: '100 kills', faults: 100 },
  ...{ found: '9 sent', broken: [] },
};

test('rows written by several processes are read from their files', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cim-table-'));
  try {
    const file = join(directory, 'rows');
    append(file, row);
    append(file, { ...row, seed: 2 });
    assert.deepEqual(read(file), [row, { ...row, seed: 2 }]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('the bound is the failure chance at which a run without failures happens once in twenty times', () => {
  assert.equal(chanceBelow(1), 0.95);
  for (const faults of [1, 5, 100, 2_000]) assert.ok(chanceBelow(faults) <= 3 / faults);
  assert.ok(chanceBelow(100) > 2.9 / 100);
});

test('shows no chance where a promise was broken or nothing was counted', () => {
  assert.match(tableOf([row]), /\| yes \| 3\.0 % \|$/);
  assert.match(tableOf([{ ...row, broken: ['1 lost'] }]), /\| \*\*no\*\* \|  \|$/);
  assert.match(tableOf([{ ...row, faults: 0 }]), /\| yes \|  \|$/);
});
