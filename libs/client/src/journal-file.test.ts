import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ProducerId, UserId } from '@cim/protocol';
import { JournalFile } from './journal-file.ts';
import type { SendRecord } from './send-journal.ts';

let folder: string;
let path: string;
let notes: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cim-journal-'));
  path = join(folder, 'alice.json.sends');
  notes = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const me = 5 as UserId;
const producer = 'abcdefghijklmnop' as ProducerId;
const open = () => {
  const journal = new JournalFile(path, (line) => notes.push(line));
  return { journal, left: journal.open(me) };
};
const offered = (ref: number, to = 7): SendRecord => ({
  kind: 'offered',
  ref,
  to,
  group: to === 0 ? 'lobby' : '',
  offeredAt: 1_700_000_000_000 + ref,
  content: Buffer.from(`text ${ref}`),
});
const numbered = (ref: number, counter: number): SendRecord => ({ kind: 'numbered', ref, producer, counter });
const settled = (ref: number): SendRecord => ({ kind: 'settled', ref });

describe('the journal of unanswered sends', () => {
  it('has what was noted when the process died, in order, and where counting stood', async () => {
    const { journal, left } = open();
    assert.equal(left, undefined);
    for (const record of [offered(1), numbered(1, 1), offered(2, 0), offered(3), numbered(3, 2), settled(1)])
      journal.note(record);
    await Promise.resolve();
    // Neither flushed nor closed.
    const saved = open().left;
    assert.deepEqual(
      saved?.sends.map(({ ref, to, group, counter, content }) => [ref, to, group, counter, String(content)]),
      [
        [2, 0, 'lobby', 0, 'text 2'],
        [3, 7, '', 2, 'text 3'],
      ],
    );
    assert.deepEqual(saved.counters, { 'inbox:7': { producer, counter: 2 } });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(notes, []);
  });

  it('has a number before the call that notes it returns', () => {
    const { journal } = open();
    journal.note(offered(1));
    journal.note(numbered(1, 1));
    assert.match(readFileSync(path, 'utf8'), /\["#",1,"abcdefghijklmnop",1\]\n$/);
  });

  it('is of one user: another one starts with none', () => {
    const { journal } = open();
    journal.note(offered(1));
    journal.close();
    assert.equal(new JournalFile(path, () => undefined).open(6 as UserId), undefined);
  });

  it('does not mind a last line that was under way', () => {
    const { journal } = open();
    journal.note(offered(1));
    journal.note(numbered(1, 1));
    journal.close();
    appendFileSync(path, '["+",2,7,"",17000');
    const { left } = open();
    assert.equal(left?.sends.length, 1);
    assert.deepEqual(left.counters, { 'inbox:7': { producer, counter: 1 } });
    assert.deepEqual(notes, []);
  });

  it('keeps what can be read of one that is damaged, and counts anew', () => {
    const { journal } = open();
    for (const record of [offered(1), numbered(1, 1), offered(2), numbered(2, 2)]) journal.note(record);
    journal.close();
    writeFileSync(path, readFileSync(path, 'utf8').replace('["#",2,', '["#",2'));
    const { left } = open();
    assert.deepEqual(
      left?.sends.map(({ ref, counter }) => [ref, counter]),
      [
        [1, 1],
        [2, 0],
      ],
    );
    assert.deepEqual(left.counters, {});
    assert.match(notes.join(), /1 of \d lines cannot be read/);
    const again = open();
    assert.deepEqual(again.left?.counters, {}, 'at the start after that, too');
  });

  it('starts anew when it is no journal at all', () => {
    for (const text of ['null\n', '{}\n', '\u0000\n', '["cim-sends-2",5]\n']) {
      writeFileSync(path, text);
      assert.equal(open().left, undefined, text);
    }
  });

  it('stays small, and says the same, however much went through it', () => {
    const { journal } = open();
    const content = Buffer.alloc(1_000, 'x');
    for (let ref = 1; ref <= 5_000; ref++) {
      journal.note({ kind: 'offered', ref, to: 7, group: '', offeredAt: 0, content });
      journal.note(numbered(ref, ref));
      if (ref > 3) journal.note(settled(ref));
    }
    journal.close();
    assert.ok(statSync(path).size < 1_200_000);
    const { left } = open();
    assert.deepEqual(
      left?.sends.map(({ ref }) => ref),
      [1, 2, 3],
    );
    assert.deepEqual(left.counters, { 'inbox:7': { producer, counter: 5_000 } });
  });

  it('says once that it cannot be written, and leaves no number to be used twice', () => {
    const gone = new JournalFile(join(folder, 'no', 'such', 'folder'), (line) => notes.push(line));
    gone.open(me);
    gone.note(offered(1));
    gone.note(numbered(1, 1));
    gone.close();
    assert.equal(notes.length, 1);
    assert.match(notes[0] ?? '', /unanswered messages end with this program/);
    assert.ok(!existsSync(path));
  });
});
