/** Opens a folder that the version before made. `test/folder-of-format-1.json` holds its records. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  groupStream,
  inboxOf,
  LOBBY,
  type NamedUser,
  type ProducerId,
  type Seq,
  type UserId,
} from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { ClassicLevel } from 'classic-level';
import { appendTo, PRODUCER } from '../../test/stored.ts';
import type { Store } from '../store.ts';
import { RETENTION } from '../streams.ts';
import { openEmbeddedStore } from './embedded-store.ts';
import { FORMAT, streamKey } from './keys.ts';
import { Ledger } from './ledger.ts';

const alice: NamedUser = { userId: 1_001 as UserId, userName: 'alice' };
const bob: NamedUser = { userId: 1_002 as UserId, userName: 'bob' };
const lobby = groupStream(LOBBY);
const inbox = inboxOf(bob.userId);
const now = (): number => 1_795_900_001_000;

interface Fixture {
  readonly batches: string;
  readonly rows: Readonly<Record<string, string>>;
}
const fixture = JSON.parse(
  await readFile(new URL('../../test/folder-of-format-1.json', import.meta.url), 'utf8'),
) as Fixture;

async function oldFolder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'cim-format-1-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const level = new ClassicLevel<string, Uint8Array>(dir, { valueEncoding: 'view' });
  for (const [key, row] of Object.entries(fixture.rows)) await level.put(key, Buffer.from(row, 'base64'));
  await level.close();
  await writeFile(join(dir, 'batches'), fixture.batches);
  return dir;
}

async function open(t: TestContext, dir: string): Promise<Store> {
  const limits = { ...RETENTION, maxEntries: 4 };
  const store = await openEmbeddedStore({ dir, logger: silentLogger(), now, limits });
  t.after(() => store.stop());
  return store;
}

/** The data of the version before: five messages to bob, of which bob has acked three. */
async function checkOld(store: Store): Promise<void> {
  assert.equal((await store.accounts.byName('bob'))?.userId, bob.userId);
  const entries = await store.streams.read(inbox, 1 as Seq, 100);
  assert.deepEqual(
    entries.map(({ seq, n, sender, counter }) => [seq, n, sender.userName, counter]),
    [1, 2, 3, 4, 5].map((seq) => [seq, 0, 'alice', seq]),
  );
  const { first, top, shown, shownSeq } = await store.streams.position(inbox);
  assert.deepEqual([first, top, shown, shownSeq], [1, 5, 0, 0]);
  assert.equal((await store.streams.highestCursor(bob.userId, inbox))?.seq, 3);
  const counters = [inbox, lobby].map((stream) => ({ stream, producer: PRODUCER }));
  assert.deepEqual(await store.streams.counters(alice.userId, counters), [5, 3]);
  assert.deepEqual(await store.streams.events(inbox, 1 as Seq), []);
  const [session] = await store.sessions.find(bob.userId);
  assert.ok(session?.secretHashes.includes('the-hash-of-a-secret'));
}

test('everything stored by the version before is there, and its producers, keys and cursors go on', async (t) => {
  const store = await open(t, await oldFolder(t));
  await checkOld(store);
  for (const counter of [5, 3])
    assert.deepEqual(await appendTo(store, inbox, alice, { counter }), {
      outcome: 'duplicate',
      seq: counter,
    });
  assert.deepEqual(await appendTo(store, inbox, alice, { counter: 7 }), { outcome: 'gap', last: 5 });
  const keyed = { counter: 0, producer: 'a-key-of-the-tests' as ProducerId, rememberMs: 60_000 };
  assert.deepEqual(await appendTo(store, lobby, bob, keyed), { outcome: 'duplicate', seq: 4 });

  const sixth = await appendTo(store, inbox, alice, { counter: 6 });
  assert.ok(sixth.outcome === 'ok');
  assert.deepEqual([sixth.seq, sixth.n, sixth.copy?.seq], [6, 1, 3]);
  assert.equal((await appendTo(store, inbox, alice, { counter: 7 })).outcome, 'ok');
  // Two entries waited, and two have come; at most four may wait. Only acked entries have made room.
  assert.deepEqual(await appendTo(store, inbox, alice, { counter: 8 }), { outcome: 'full' });
  const { first, top, shown, shownSeq } = await store.streams.position(inbox);
  assert.deepEqual([first, top, shown, shownSeq], [4, 7, 2, 7]);
});

test('an upgrade interrupted by a crash goes on, and ends with the new format', async (t) => {
  const dir = await oldFolder(t);
  await (await open(t, dir)).stop();
  let ledger = await Ledger.open(dir, silentLogger());
  assert.equal(ledger.committed(FORMAT)?.version, 2);
  // One stream is upgraded, the other is not, and the new format is not written yet.
  ledger.put(FORMAT, { version: 1 });
  ledger.putRow(streamKey(inbox), Buffer.from(fixture.rows[streamKey(inbox)] ?? '', 'base64'));
  await ledger.commit();
  await ledger.close();

  const store = await open(t, dir);
  await checkOld(store);
  await store.stop();
  ledger = await Ledger.open(dir, silentLogger());
  assert.equal(ledger.committed(FORMAT)?.version, 2);
  const { settled, forgot } = ledger.committed(streamKey(inbox)) ?? {};
  assert.deepEqual([settled, forgot], [3, false]);
  await ledger.close();
});
