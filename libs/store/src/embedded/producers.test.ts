/** Tests how the embedded store remembers producers. `producers.contract.ts` tests both stores. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type GroupId,
  groupStream,
  LOBBY,
  type ProducerId,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { until } from '@cim/testkit';
import { openEmbeddedForTest } from '../../test/embedded-folder.ts';
import { appendRange, appendTo, PRODUCER, register } from '../../test/stored.ts';
import { streamsOf } from '../../test/embedded-streams.ts';
import { type AppendAnswer, RETENTION } from '../streams.ts';
import { FORMAT, streamKey } from './keys.ts';
import { Ledger } from './ledger.ts';
import type { StreamRecord } from './records.ts';

const DAY_MS = 24 * 3_600_000;
const lobby = groupStream(LOBBY);

test('no time that passes, and no clock that jumps, makes a stream forget a producer', async (t) => {
  let ms = 1_800_000_000_000;
  const { store } = await openEmbeddedForTest(t, { now: () => ms });
  const user = await register(store, 'alice');
  const other = { counter: 1, producer: 'another-of-tests' as ProducerId };
  await appendRange(store, lobby, user, 1, 3);
  await appendTo(store, lobby, user, other);
  for (const passed of [8 * DAY_MS, 400 * DAY_MS, -500 * DAY_MS]) {
    ms += passed;
    assert.deepEqual(await appendTo(store, lobby, user, { counter: 3 }), { outcome: 'duplicate', seq: 3 });
    assert.deepEqual(await appendTo(store, lobby, user, { counter: 5 }), { outcome: 'gap', last: 3 });
    assert.deepEqual(await store.streams.counters(user.userId, [{ stream: lobby, producer: PRODUCER }]), [3]);
  }
  assert.equal((await appendTo(store, lobby, user, { counter: 4 })).outcome, 'ok');
});

test('records of forgotten producers are removed from the disk, and the others stay', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'cim-producers-'));
  const ledger = await Ledger.open(dir, silentLogger());
  t.after(async () => {
    await ledger.close();
    await rm(dir, { recursive: true, force: true });
  });
  const limits = { ...RETENTION, producerEntries: 10 };
  const streams = streamsOf(ledger, () => 1_800_000_000_000, limits);
  const sender = { userId: 1_001 as UserId, userName: 'alice' };
  const content = Buffer.from('text');
  const digest = 'd'.repeat(22);
  const other = groupStream('another' as GroupId);
  const fill = async (stream: StreamRef, from: number, to: number): Promise<void> => {
    for (let n = from; n <= to; n++) {
      const producer = `producer-${String(n).padStart(16, '0')}` as ProducerId;
      const item = { stream, sender, producer, counter: 1, digest, content };
      assert.equal((await new Promise<AppendAnswer>((done) => streams.append(item, done))).outcome, 'ok');
    }
  };
  const count = async (): Promise<number> =>
    (await ledger.rows({ gte: 'p:', lt: 'p;' }, 4_000, 2 ** 24)).length;
  await fill(other, 1, 5);
  await fill(lobby, 1, 100);
  // The record of the newest producer is with its stream. The others of two windows may be there.
  await until('those of old windows are gone', async () => (await count()) <= 4 + 19);
  assert.ok((await count()) >= 4 + 10);
});

test('producers of a folder that an older version wrote are known, and its streams count as having forgotten', async (t) => {
  const folder = await openEmbeddedForTest(t);
  const user = await register(folder.store, 'alice');
  const [first, second] = ['producer-of-before', 'another-of-before-'] as [ProducerId, ProducerId];
  for (const producer of [first, second, PRODUCER])
    await appendRange(folder.store, lobby, user, 1, 3, { producer });
  await folder.store.stop();
  // The older state: records by the weeks since 1970, and no note of forgotten producers.
  const ledger = await Ledger.open(folder.dir, silentLogger());
  for (const [key, row] of await ledger.rows({ gte: 'p:', lt: 'p;' }, 10, 2 ** 20)) {
    ledger.deleteRow(key);
    ledger.putRow(key.replace(/^p:(.+):\d{16}:/, 'p:0000000000002976:$1:'), row);
  }
  const { forgot, settled, ...before } = ledger.committed(streamKey(lobby)) ?? {};
  assert.deepEqual([forgot, settled], [false, 0]);
  ledger.put(streamKey(lobby), before as StreamRecord);
  ledger.put(FORMAT, { version: 1 });
  await ledger.commit();
  await ledger.close();

  const store = await folder.reopen();
  const of = [first, second, PRODUCER].map((producer) => ({
    stream: lobby,
    producer: producer,
  }));
  assert.deepEqual(await store.streams.counters(user.userId, of), [3, 3, 3]);
  assert.equal((await appendTo(store, lobby, user, { producer: first, counter: 4 })).outcome, 'ok');
  for (const again of [true, false])
    assert.deepEqual(
      await appendTo(store, lobby, user, { producer: 'unheard-of-before-' as ProducerId, counter: 1, again }),
      { outcome: 'unknown-producer' },
    );
});
