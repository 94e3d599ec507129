import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { MessageId, ProducerId, Seq, UserId } from '@cim/protocol';
import { until } from '../../test/scripted-server.ts';
import type { Storage, SavedState } from '../state.ts';
import { fileState } from './state-file.ts';

let folder: string;
let path: string;
let notes: string[];
let copies: string[];
beforeEach(() => {
  opened = [];
  copies = [];
  folder = mkdtempSync(join(tmpdir(), 'cim-state-'));
  path = join(folder, 'sub', 'alice.json');
  notes = [];
});
afterEach(() => {
  for (const one of opened) one.close();
  for (const one of [folder, ...copies]) rmSync(one, { recursive: true });
});

let opened: Storage[];
const open = (at = path): Storage => {
  const made = fileState(at, (line) => notes.push(line));
  opened.push(made);
  return made;
};
/** The files as the death of the process would leave them now. */
const dead = (): Storage => {
  const copy = `${folder}-copy`;
  cpSync(folder, copy, { recursive: true });
  copies.push(copy);
  return open(join(copy, 'sub', 'alice.json'));
};
const producer = 'abcdefghijklmnop' as ProducerId;
const device = 'D'.repeat(22);
const state: SavedState = {
  userId: 5 as UserId,
  session: 'secret',
  device,
  producers: [producer],
  cursors: { 'group:lobby': { seq: 9 as Seq, id: '7:x:1' as MessageId } },
  stored: { 'inbox:7': { producer, counter: 3, seq: 12, at: 1_700_000_000_000 } },
  seen: { 'group:lobby': ['7:x:0' as MessageId, '7:x:1' as MessageId] },
};

describe('state in a file', () => {
  it('comes back as it was saved, readable by nobody else', async () => {
    const first = open();
    assert.equal(await first.load(), undefined);
    void first.save(state);
    first.close();
    assert.deepEqual(await open().load(), state);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(notes, []);
  });

  it('of an older version is read', async () => {
    const first = open();
    await first.load();
    // Of the first version, and of the one before device ids, which had counters to go on from.
    const counters = { 'inbox:7': { producer, counter: 3 } };
    const stored = { 'inbox:7': { producer, counter: 3, at: 1_700_000_000_000 } };
    const older = { ...state, device: undefined, counters, stored };
    writeFileSync(path, JSON.stringify({ ...older, seen: undefined, stored: undefined }));
    first.close();
    const second = open();
    assert.deepEqual(await second.load(), { ...state, device: '', seen: {}, stored: {} });
    writeFileSync(path, JSON.stringify(older));
    second.close();
    assert.deepEqual(await open().load(), {
      ...state,
      device: '',
      stored: { 'inbox:7': { ...stored['inbox:7'], seq: 0 } },
    });
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

  it('of a version to come is set aside with one line; one without a version is read', async () => {
    const first = open();
    await first.load();
    const newer = JSON.stringify({ ...state, version: 3 });
    writeFileSync(path, newer);
    first.close();
    const second = open();
    assert.equal(await second.load(), undefined);
    assert.match(notes.join(), /was written by a newer version .* set aside as .*\.newer;/);
    assert.equal(readFileSync(`${path}.newer`, 'utf8'), newer);
    second.close();
    writeFileSync(path, JSON.stringify(state));
    const third = open();
    assert.deepEqual(await third.load(), state);
    void third.save(state);
    assert.equal((JSON.parse(readFileSync(path, 'utf8')) as { version: number }).version, 2);
    third.close();
  });

  it('has what was processed since it was saved, when the process dies', async () => {
    const first = open();
    await first.load();
    void first.save(state);
    void first.processed?.({ stream: 'inbox:5', id: '7:y:1' as MessageId, seq: 1 as Seq });
    void first.processed?.({ stream: 'group:lobby', id: '7:x:2' as MessageId, seq: 10 as Seq });
    void first.processed?.({ stream: 'group:lobby', id: '7:x:9' as MessageId, seq: 0 });
    const now = await dead().load();
    assert.deepEqual(now?.cursors, {
      'inbox:5': { seq: 1, id: '7:y:1' },
      'group:lobby': { seq: 10, id: '7:x:2' },
    });
    assert.deepEqual(now.seen, {
      'inbox:5': ['7:y:1'],
      'group:lobby': ['7:x:0', '7:x:1', '7:x:2', '7:x:9'],
    });
    first.close();
  });

  it('does not go on with what was processed before an older or a newer save', async () => {
    const first = open();
    await first.load();
    void first.save(state);
    void first.processed?.({ stream: 'group:lobby', id: '7:x:2' as MessageId, seq: 10 as Seq });
    const old = readFileSync(`${path}.processed`);
    void first.save({ ...state, cursors: { 'group:lobby': { seq: 20 as Seq, id: '7:x:12' as MessageId } } });
    first.close();
    writeFileSync(`${path}.processed`, old);
    assert.deepEqual((await open().load())?.cursors, { 'group:lobby': { seq: 20, id: '7:x:12' } });
  });

  it('does not mind a record that was under way, and stays small', async () => {
    const first = open();
    await first.load();
    void first.save(state);
    for (let i = 1; i <= 10_000; i++)
      void first.processed?.({ stream: 'inbox:5', id: `7:y:${i}` as MessageId, seq: i as Seq });
    appendFileSync(`${path}.processed`, '["inbox:5","7:y:10');
    assert.ok(statSync(`${path}.processed`).size < 300_000);
    const now = await dead().load();
    assert.deepEqual(now?.cursors['inbox:5'], { seq: 10_000, id: '7:y:10000' });
    assert.equal(now.seen['inbox:5']?.length, 512);
    first.close();
  });

  it('is claimed before the client loads it, by one program', async () => {
    const first = fileState(path);
    opened.push(first);
    assert.equal(await first.claim(), undefined);
    assert.equal(await first.claim(), undefined, 'again');
    const second = fileState(path);
    opened.push(second);
    assert.match((await second.claim()) ?? '', new RegExp(`^process ${process.pid} on `));
    assert.equal(await first.load(), undefined);
    first.save(state);
    first.close();
    assert.equal(await second.claim(), undefined);
    assert.deepEqual(await second.load(), state);
  });

  it('is left alone while another client has it', async () => {
    const holder = open();
    await holder.load();
    void holder.save(state);
    const second = open();
    assert.equal(await second.load(), undefined);
    assert.match(notes[0] ?? '', new RegExp(`in use by process ${process.pid} on `));
    void second.save({ ...state, session: 'other' });
    void second.processed?.({ stream: 'inbox:5', id: '7:y:1' as MessageId, seq: 1 as Seq });
    second.close();
    assert.equal((JSON.parse(readFileSync(path, 'utf8')) as SavedState).session, 'secret');
    assert.equal(await open().load(), undefined, "the lock is still the holder's");
    holder.close();
    assert.deepEqual(await open().load(), state);
  });

  it('is free at once when the process that had it is killed, and not before', async () => {
    const first = open();
    await first.load();
    void first.save(state);
    first.close();
    const program = fileURLToPath(new URL('../../test/holding-program.ts', import.meta.url));
    const holder = spawn(process.execPath, ['--import', 'tsx', program, path]);
    try {
      let printed = '';
      holder.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
      await until(() => printed.includes('loaded'), 'the other process', 20_000);
      assert.equal(printed, 'loaded\n');
      // A holder that has not written yet who it is has it all the same.
      writeFileSync(`${path}.lock`, '');
      assert.equal(await open().load(), undefined);
      assert.match(notes[0] ?? '', /in use by another program/);
    } finally {
      const ended = once(holder, 'exit');
      holder.kill('SIGKILL');
      await ended;
    }
    assert.deepEqual(await open().load(), state);
  });

  it('is free whatever process ids lock files of before have in them: in a container it is 1 each time', async () => {
    const first = open();
    await first.load();
    void first.save(state);
    first.close();
    for (const left of [String(process.pid), String(process.ppid), '1', '', 'process 1 on elsewhere\n']) {
      writeFileSync(`${path}.lock`, left);
      const next = open();
      assert.deepEqual(await next.load(), state, left);
      next.close();
    }
  });

  it('is free when the client is closed while it waits for it', async () => {
    const holder = open();
    await holder.load();
    const second = open();
    const waiting = second.load();
    second.close();
    holder.close();
    assert.equal(await waiting, undefined);
    const third = open();
    await third.load();
    void third.save(state);
    assert.deepEqual(notes, []);
    assert.equal((JSON.parse(readFileSync(path, 'utf8')) as SavedState).session, 'secret');
    third.close();
  });
});
