import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

  it('that cannot be written harms nobody, says so once, and goes on when it can', () => {
    const errors: unknown[] = [];
    const path = join(folder, 'a.log');
    mkdirSync(path);
    const history = new History(path, (error) => errors.push(error));
    history.add('x', 'id-x');
    history.add('y');
    assert.equal(errors.length, 1);
    assert.match(String(errors[0]), /EISDIR/);
    assert.equal(history.knows('id-x'), false);
    assert.deepEqual(history.search('x', 1), { lines: [], more: 0 });
    rmSync(path, { recursive: true });
    history.add('x', 'id-x');
    assert.equal(readFileSync(path, 'utf8'), 'x\tid-x\n');
  });

  it('has each message once, also after a restart and a change of files', () => {
    const path = join(folder, 'a.log');
    const history = new History(path);
    history.add('bob: one', '1');
    history.add('bob: one', '1');
    assert.equal(history.knows('1'), true);
    const filler = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 5; i++) history.add(filler, `filler ${i}`);
    const again = new History(path);
    assert.equal(again.knows('1'), true, 'it stands in the older file');
    again.add('bob: one', '1');
    again.add('bob: two', '2');
    assert.deepEqual(again.search('bob', 9).lines, ['bob: one', 'bob: two']);
    assert.deepEqual(again.search('filler', 9).lines, [], 'ids are not what was said');
  });

  it('loses a line that was cut short, so that it can be written whole', () => {
    const path = join(folder, 'a.log');
    writeFileSync(path, 'bob: one\t1\nbob: two\t2');
    const history = new History(path);
    assert.equal(history.knows('1'), true);
    assert.equal(history.knows('2'), false);
    history.add('bob: two', '2');
    assert.equal(readFileSync(path, 'utf8'), 'bob: one\t1\nbob: two\t2\n');
  });

  it('remembers a bounded number of ids, the newest', () => {
    const path = join(folder, 'a.log');
    writeFileSync(path, Array.from({ length: 9_000 }, (_, i) => `x\t${i}\n`).join(''));
    const history = new History(path);
    assert.equal(history.knows('0'), false);
    assert.equal(history.knows('8999'), true);
    assert.equal(history.knows(String(9_000 - 8_192)), true);
    assert.equal(history.knows(String(9_000 - 8_193)), false);
  });
});
