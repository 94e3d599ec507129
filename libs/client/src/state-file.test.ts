import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { MessageId, ProducerId, Seq, UserId } from '@cim/protocol';
import type { SavedState } from './state.ts';
import { fileState } from './state-file.ts';

let folder: string;
let path: string;
let notes: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cim-state-'));
  path = join(folder, 'sub', 'alice.json');
  notes = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = () => fileState(path, (line) => notes.push(line));
const producer = 'abcdefghijklmnop' as ProducerId;
const state: SavedState = {
  userId: 5 as UserId,
  session: 'secret',
  producers: [producer],
  counters: { 'inbox:7': { producer, counter: 3 } },
  cursors: { 'group:lobby': { seq: 9 as Seq, id: '7:x:1' as MessageId } },
  stored: { 'inbox:7': { producer, counter: 3, at: 1_700_000_000_000 } },
  seen: { 'group:lobby': ['7:x:0' as MessageId, '7:x:1' as MessageId] },
};

describe('state in a file', () => {
  it('comes back as it was saved, readable by nobody else', async () => {
    const first = open();
    assert.equal(await first.load(), undefined);
    first.save(state);
    first.close();
    assert.deepEqual(await open().load(), state);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(notes, []);
  });

  it('of an older version is read', async () => {
    const first = open();
    await first.load();
    writeFileSync(path, JSON.stringify({ ...state, seen: undefined, stored: undefined }));
    first.close();
    assert.deepEqual(await open().load(), { ...state, seen: {}, stored: {} });
    assert.deepEqual(notes, []);
  });

  it('that is damaged is set aside with one line', async () => {
    const shapes = [
      '',
      '{',
      'null',
      '[]',
      '{"userId":1}',
      JSON.stringify({ ...state, cursors: { a: { seq: -1, id: '' } } }),
    ];
    for (const damaged of shapes) {
      const before = open();
      await before.load();
      writeFileSync(path, damaged);
      before.close();
      notes = [];
      const after = open();
      assert.equal(await after.load(), undefined);
      assert.equal(notes.length, 1, damaged);
      assert.match(notes[0] ?? '', /was damaged/);
      assert.equal(readFileSync(`${path}.damaged`, 'utf8'), damaged);
      after.close();
    }
  });

  it('is left alone while another process has it', async () => {
    const holder = open();
    await holder.load();
    holder.save(state);
    const second = open();
    assert.equal(await second.load(), undefined);
    assert.match(notes[0] ?? '', new RegExp(`in use by process ${process.pid}`));
    second.save({ ...state, session: 'other' });
    second.close();
    assert.equal((JSON.parse(readFileSync(path, 'utf8')) as SavedState).session, 'secret');
    assert.ok(existsSync(`${path}.lock`), "the lock is still the holder's");
    holder.close();
    assert.ok(!existsSync(`${path}.lock`));
  });

  it('is taken over from a process that has died', async () => {
    const first = open();
    await first.load();
    first.save(state);
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    writeFileSync(`${path}.lock`, String(dead));
    assert.deepEqual(await open().load(), state);
  });
});
