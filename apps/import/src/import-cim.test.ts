import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inboxOf, type Seq, type UserId } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { type CimAccount, type CimSource, type CimTexts, openEmbeddedStore } from '@cim/store';
import { importCim } from './import-cim.ts';

async function* each<T>(all: readonly T[]): AsyncGenerator<T> {
  for (const one of all) yield await Promise.resolve(one);
}
const sourceOf = (accounts: readonly CimAccount[], waiting: readonly CimTexts[]): CimSource => ({
  description: 'a test',
  accounts: () => each(accounts),
  waiting: () => each(waiting),
  stop: () => Promise.resolve(),
});

test('a text that no client could send here is reported, and the others are taken', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'cim-import-'));
  const store = await openEmbeddedStore({ dir, logger: silentLogger() });
  t.after(async () => {
    await store.stop();
    await rm(dir, { recursive: true, force: true });
  });
  const json = (content: string): string =>
    JSON.stringify({ content, properties: { sendUserId: '7', sendUserName: 'ann' } });
  const texts = [
    { id: '1', json: json('x'.repeat(2_000_000)) },
    { id: '2', json: json('') },
    { id: '3', json: json('hello') },
  ];
  const source = sourceOf([{ id: '8', name: 'bob', holder: '8' }], [{ user: '8', texts }]);
  const report = await importCim({ source, store, names: {}, dryRun: false });
  assert.equal(report.texts.imported, 1);
  assert.deepEqual(
    report.notTaken.map(({ why }) => why),
    ['text 1: a text has 2000000 bytes; at most 8192 are allowed', 'text 2: a text is empty'],
  );
  assert.equal((await store.streams.read(inboxOf(8 as UserId), 1 as Seq, 10)).length, 1);
});
