import assert from 'node:assert/strict';
import {
  existsSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  mkdirSync,
  readFileSync,
} from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Seq } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { appendOk, newPair } from '../../test/contract-fixture.ts';
import { openEmbeddedForTest } from '../../test/embedded-folder.ts';
import { restore, verify } from './backup.ts';
import { openEmbeddedStore } from './embedded-store.ts';

describe('a backup of a data folder', () => {
  let place: string;
  beforeEach(async () => {
    place = await mkdtemp(join(tmpdir(), 'cim-backup-'));
  });
  afterEach(() => rmSync(place, { recursive: true, force: true }));
  const at = (name: string) => join(place, name);

  test('taken while texts are stored, has exactly a first part of each log, and opens', async (t) => {
    const { store } = await openEmbeddedForTest(t);
    const pairs = await Promise.all(Array.from({ length: 8 }, () => newPair(store)));
    let goes = true;
    const stored = pairs.map(() => 0);
    const writing = pairs.map(async ({ sends }, i) => {
      while (goes) {
        await appendOk(store, sends.item((stored[i] ?? 0) + 1));
        stored[i] = (stored[i] ?? 0) + 1;
      }
    });
    while (stored.some((count) => count < 50)) await new Promise((resolve) => setImmediate(resolve));
    const before = [...stored];
    const done = await store.backUp?.(at('copy'));
    goes = false;
    await Promise.all(writing);
    assert.ok(done !== undefined && done.folder === at('copy') && done.records > 8 * 50 && done.bytes > 0);
    assert.deepEqual(readdirSync(place), ['copy']);

    const found = await verify(at('copy'));
    assert.deepEqual(found.problems, []);
    assert.equal(found.accounts, 16);
    const copy = await openEmbeddedStore({ dir: at('copy'), logger: silentLogger() });
    t.after(() => copy.stop());
    for (const [i, { inbox, sends }] of pairs.entries()) {
      const { top } = await copy.streams.position(inbox);
      assert.ok(top >= (before[i] ?? 0) && top <= (stored[i] ?? 0), `${before[i]} ${top} ${stored[i]}`);
      const entries = await copy.streams.read(inbox, 1 as Seq, 10_000);
      assert.deepEqual(
        entries.map(({ counter }) => counter),
        Array.from({ length: top }, (_, n) => n + 1),
      );
      // What was stored after the moment of the copy is sent again, and stored once.
      await appendOk(copy, sends.item(top + 1));
    }
  });

  test('is not made over a folder that is there, or where there is none; nothing is left behind', async (t) => {
    const { store } = await openEmbeddedForTest(t);
    mkdirSync(at('there'));
    writeFileSync(at('file'), '');
    await assert.rejects(
      store.backUp?.(at('there')) ?? Promise.resolve(),
      /there is there already; name a folder that is not/,
    );
    await assert.rejects(store.backUp?.(at('file')) ?? Promise.resolve(), /file is there already/);
    await assert.rejects(
      store.backUp?.(at('no/copy')) ?? Promise.resolve(),
      /^Error: there is no folder .*\/no$/,
    );
    assert.deepEqual(readdirSync(place).sort(), ['file', 'there']);
    assert.deepEqual(readdirSync(at('there')), []);
  });

  test('takes the place of an unfinished one, of a process that was ended', async (t) => {
    const { store } = await openEmbeddedForTest(t);
    mkdirSync(at('copy.unfinished'));
    writeFileSync(join(at('copy.unfinished'), '000005.ldb'), 'half');
    await store.backUp?.(at('copy'));
    assert.deepEqual(readdirSync(place), ['copy']);
    assert.deepEqual((await verify(at('copy'))).problems, []);
  });

  test('is verified: damage is told with the stream that it is in, and a damaged one is not restored', async (t) => {
    const { store } = await openEmbeddedForTest(t);
    const { sends, to } = await newPair(store);
    for (let i = 1; i <= 20; i++) await appendOk(store, sends.item(i));
    await store.backUp?.(at('copy'));
    const { openDatabase } = await import('./database.ts');
    const { entryKey } = await import('./keys.ts');
    const { inboxOf } = await import('@cim/protocol');
    const database = await openDatabase(at('copy'));
    await database.del(entryKey(inboxOf(to.userId), 7 as Seq));
    await database.close();
    const { problems } = await verify(at('copy'));
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? '', new RegExp(String(to.userId)));
    await assert.rejects(restore(at('copy'), at('data')), /the backup .* is damaged \(.*\)$/);
    assert.ok(!existsSync(at('data')) && !existsSync(at('data.unfinished')));
  });

  test('is restored into a folder that is missing or empty, and stays as it is', async (t) => {
    const { store } = await openEmbeddedForTest(t);
    const { sends, inbox } = await newPair(store);
    await appendOk(store, sends.item(1));
    await store.backUp?.(at('copy'));
    mkdirSync(at('empty'));
    for (const name of ['data', 'empty']) {
      const restored = await restore(at('copy'), at(name));
      assert.deepEqual({ ...restored, problems: [] }, restored);
      assert.equal(restored.folder, at(name));
      const again = await openEmbeddedStore({ dir: at(name), logger: silentLogger() });
      assert.equal((await again.streams.position(inbox)).top, 1);
      await again.stop();
    }
    await assert.rejects(restore(at('copy'), at('data')), /data is there already/);
    await assert.rejects(restore(at('none'), at('new')), /none holds no data of standalone/);
    assert.deepEqual((await verify(at('copy'))).problems, []);
  });

  test('of a folder in use is not verified: its own process has it', async (t) => {
    const { dir } = await openEmbeddedForTest(t);
    await assert.rejects(verify(dir), /is in use by another process/);
  });

  test('that is cut short is damaged', async (t) => {
    const { store } = await openEmbeddedForTest(t);
    const { sends } = await newPair(store);
    for (let i = 1; i <= 50; i++) await appendOk(store, sends.item(i));
    await store.backUp?.(at('copy'));
    const tables = readdirSync(at('copy')).filter((name) => name.endsWith('.ldb'));
    const [table = ''] = tables.sort(
      (a, b) => statSync(join(at('copy'), b)).size - statSync(join(at('copy'), a)).size,
    );
    truncateSync(join(at('copy'), table), Math.floor(statSync(join(at('copy'), table)).size / 2));
    await assert.rejects(verify(at('copy')), /damaged/);
    assert.ok(readFileSync(join(at('copy'), 'CURRENT')).length > 0);
  });
});
