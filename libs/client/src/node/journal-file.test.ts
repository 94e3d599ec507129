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
import type { SavedSend, SendRecord } from '../send-journal.ts';

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
const offered = (ref: number, to = 7, counter = ref): SendRecord => ({
  kind: 'offered',
  ref,
  to,
  group: to === 0 ? 'lobby' : '',
  producer,
  counter,
  offeredAt: 1_700_000_000_000 + ref,
  after: 1_600_000_000_000 + ref,
  content: Buffer.from(`text ${ref}`),
});
const other = 'ABCDEFGHIJKLMNOP' as ProducerId;
const numbered = (ref: number, counter: number): SendRecord => ({
  kind: 'numbered',
  ref,
  producer: other,
  counter,
});
const settled = (ref: number): SendRecord => ({ kind: 'settled', ref });
const textsOf = (sends: readonly SavedSend[]) =>
  sends.map(({ ref, producer: by, counter, content }) => [ref, by, counter, String(content)]);

describe('the journal of unanswered sends', () => {
  it('has what was noted when the process died, in order, each with its number', async () => {
    const { journal, left } = open();
    assert.deepEqual(left, []);
    for (const record of [offered(1), offered(2, 0, 1), offered(3, 7, 2), numbered(3, 1), settled(1)])
      journal.note(record);
    await Promise.resolve();
    // Neither flushed nor closed.
    const saved = open().left;
    assert.deepEqual(
      saved.map(({ ref, to, group, counter, content }) => [ref, to, group, counter, String(content)]),
      [
        [2, 0, 'lobby', 1, 'text 2'],
        [3, 7, '', 1, 'text 3'],
      ],
    );
    assert.deepEqual(
      saved.map((send) => [send.producer, send.offeredAt, send.after]),
      [
        [producer, 1_700_000_000_002, 1_600_000_000_002],
        [other, 1_700_000_000_003, 1_600_000_000_003],
      ],
    );
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(notes, []);
  });

  it('has content and number in one record before the call that notes it returns', () => {
    const { journal } = open();
    journal.note(offered(1));
    assert.match(
      readFileSync(path, 'utf8'),
      /\["\+",1,7,"","abcdefghijklmnop",1,17\d+,16\d+,"dGV4dCAx"\]\n$/,
    );
    journal.note(numbered(1, 4));
    assert.match(readFileSync(path, 'utf8'), /\["#",1,"ABCDEFGHIJKLMNOP",4\]\n$/);
  });

  it('of another user or of a version to come is set aside, and nothing of it is lost', () => {
    const { journal } = open();
    journal.note(offered(1));
    journal.close();
    const text = readFileSync(path, 'utf8');
    assert.deepEqual(new JournalFile(path, (line) => notes.push(line)).open(6 as UserId), []);
    const aside = /set aside as (.*)$/.exec(notes[0] ?? '')?.[1] ?? '';
    assert.equal(readFileSync(aside, 'utf8'), text);
  });

  it('of the first version is read: numbers stay, and sends that had none get one', () => {
    const lines = [
      ['cim-sends-1', 5],
      ['+', 1, 7, '', 1_700_000_000_001, Buffer.from('text 1').toString('base64')],
      ['#', 1, producer, 8],
      ['+', 2, 0, 'lobby', 1_700_000_000_002, Buffer.from('text 2').toString('base64')],
      ['#', 2, producer, 3],
      ['=', 'group:lobby', '', 0],
      ['?', 2],
      ['+', 3, 7, '', 1_700_000_000_003, Buffer.from('text 3').toString('base64')],
      ['-', 3],
      ['=', 'inbox:7', producer, 9],
    ];
    writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const wanted = [
      [1, producer, 8, 'text 1'],
      [2, '', 0, 'text 2'],
    ];
    const { journal, left } = open();
    assert.deepEqual(textsOf(left), wanted);
    assert.deepEqual(notes, []);
    journal.close();
    assert.match(readFileSync(path, 'utf8'), /^\["cim-sends-3",5\]\n/);
    assert.deepEqual(textsOf(open().left), wanted);
  });

  it('of the second version is read as it is, and written as one of this version', () => {
    const offer = ['+', 1, 0, 'lobby', producer, 4, 17, 16, Buffer.from('text 1').toString('base64')];
    writeFileSync(path, [['cim-sends-2', 5], offer].map((line) => `${JSON.stringify(line)}\n`).join(''));
    const { journal, left } = open();
    assert.deepEqual(textsOf(left), [[1, producer, 4, 'text 1']]);
    assert.deepEqual(notes, []);
    journal.close();
    assert.match(readFileSync(path, 'utf8'), /^\["cim-sends-3",5\]\n/);
  });

  it('does not mind a last line that was under way', () => {
    const { journal } = open();
    journal.note(offered(1));
    journal.close();
    appendFileSync(path, '["+",2,7,"",17000');
    assert.deepEqual(textsOf(open().left), [[1, producer, 1, 'text 1']]);
    assert.deepEqual(notes, []);
  });

  it('keeps what can be read of one that is damaged', () => {
    const { journal } = open();
    for (const record of [offered(1), offered(2), offered(3)]) journal.note(record);
    journal.close();
    writeFileSync(path, readFileSync(path, 'utf8').replace('["+",2,', '["+",2'));
    assert.deepEqual(
      open().left.map(({ ref, counter }) => [ref, counter]),
      [
        [1, 1],
        [3, 3],
      ],
    );
    assert.match(notes.join(), /1 of \d lines cannot be read/);
  });

  it('starts anew when it is no journal at all', () => {
    for (const text of ['null\n', '{}\n', '\u0000\n', '["cim-sends-4",5]\n']) {
      writeFileSync(path, text);
      assert.deepEqual(open().left, [], text);
    }
    assert.equal(notes.length, 4);
  });

  it('stays small, and says the same, however much went through it', () => {
    const { journal } = open();
    const content = Buffer.alloc(1_000, 'x');
    for (let ref = 1; ref <= 5_000; ref++) {
      journal.note({ ...offered(ref), kind: 'offered', content } as SendRecord);
      if (ref > 3) journal.note(settled(ref));
    }
    journal.close();
    assert.ok(statSync(path).size < 1_200_000);
    const { left } = open();
    assert.deepEqual(
      left.map(({ ref }) => ref),
      [1, 2, 3],
    );
  });

  it('says once that it cannot be written', () => {
    const gone = new JournalFile(join(folder, 'no', 'such', 'folder'), (line) => notes.push(line));
    gone.open(me);
    gone.note(offered(1));
    gone.close();
    assert.equal(notes.length, 1);
    assert.match(notes[0] ?? '', /unanswered messages end with this program/);
    assert.ok(!existsSync(path));
  });
});
