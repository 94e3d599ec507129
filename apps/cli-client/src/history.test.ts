import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { History } from './history.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cim-history-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('history', () => {
  it('finds what was said, in this process and before, whatever the case', () => {
    const path = join(folder, 'sub', 'alice.log');
    new History(path).add('bob: Hello there');
    const history = new History(path);
    history.add('alice: hello too');
    history.add('alice: bye');
    assert.deepEqual(history.search('HELLO', 10), {
      lines: ['bob: Hello there', 'alice: hello too'],
      more: 0,
    });
    assert.deepEqual(history.search('hello', 1), { lines: ['alice: hello too'], more: 1 });
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('stays bounded and keeps the newest', () => {
    const history = new History(join(folder, 'a.log'));
    const filler = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 12; i++) history.add(`${i} ${filler}`);
    history.add('newest');
    assert.equal(history.search('newest', 1).lines.length, 1);
    assert.ok(statSync(join(folder, 'a.log')).size < 6 * 1024 * 1024);
    assert.ok(statSync(join(folder, 'a.log.1')).size < 6 * 1024 * 1024);
  });

  it('that cannot be written harms nobody', () => {
    const history = new History(join(folder, 'a.log', 'b', '\0'));
    history.add('x');
    assert.deepEqual(history.search('x', 1), { lines: [], more: 0 });
  });
});
