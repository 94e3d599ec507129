import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { InputHistory } from './input-history.ts';

describe('the history of what was typed', () => {
  it('is on disk, for the person alone, in order, with lines of several lines, and bounded', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cim-input-'));
    try {
      const path = join(folder, 'a', 'input');
      const history = new InputHistory(path);
      history.add('one');
      history.add('two\nlines');
      history.add(':password hunter2');
      appendFileSync(path, '"cut sho');
      assert.deepEqual(new InputHistory(path).lines, ['one', 'two\nlines']);
      assert.equal(statSync(path).mode & 0o077, 0);
      appendFileSync(path, '\n');
      for (let i = 0; i < 1_000; i++) history.add(`line ${i}`);
      assert.equal(new InputHistory(path).lines.length, 500);
      assert.equal(readFileSync(path, 'utf8').split('\n').length, 501);
      assert.equal(new InputHistory(path).lines.at(-1), 'line 999');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
