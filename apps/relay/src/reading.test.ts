/** How much a relay reads at once. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '@cim/runtime';
import { type EventFeed, type FeedPartition, openEmbeddedStore } from '@cim/store';
import { newWebhook, Receiver, SECRET, until } from '@cim/testkit';
import { recordOf } from '../test/record.ts';
import { startRelay } from '../test/running-relay.ts';

const PARTITIONS = 256;
const RECORDS = 40;

test('a round reads a bounded number of records of all partitions together, and later rounds read the others', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'cim-relay-'));
  const store = await openEmbeddedStore({ dir, logger: silentLogger() });
  const receiver = await new Receiver(SECRET).start();
  await store.webhooks.put(newWebhook(receiver.url, { batch: 100 }));
  const partitions = Array.from({ length: PARTITIONS }, (_, i) => String(i) as FeedPartition);
  const now = Date.now();
  const asked: number[] = [];
  const feed: EventFeed = {
    partitions,
    record: () => Promise.resolve(),
    announce: (id) => Promise.resolve([id]),
    withdraw: () => Promise.resolve(),
    take: (some) => Promise.resolve(some.map(() => ({ cursors: new Map(), letters: new Map(), look: '' }))),
    renew: (some) => Promise.resolve(some.map(() => '')),
    release: () => Promise.resolve(),
    sweepPresence: () => Promise.resolve(),
    read: (asks, limit) => {
      asked.push(asks.length * limit);
      return Promise.resolve(
        asks.map(({ partition, after }) =>
          Array.from({ length: Math.min(limit, RECORDS - after) }, (_, i) =>
            recordOf(after + i + 1, 5_000 + Number(partition), now),
          ),
        ),
      );
    },
    commit: () => Promise.resolve(true),
    letters: () => Promise.resolve([]),
    changeLetter: () => Promise.resolve(true),
  };
  const relay = startRelay({ ...store, feed });
  t.after(async () => {
    await receiver[Symbol.asyncDispose]();
    await relay.stop();
    await store.stop();
    await rm(dir, { recursive: true, force: true });
  });
  await until('all are told', () => receiver.taken.length >= PARTITIONS * RECORDS);
  assert.equal(new Set(receiver.taken.map(({ id }) => id)).size, PARTITIONS * RECORDS);
  assert.ok(Math.max(...asked) <= 5_000, `${Math.max(...asked)} records at once`);
});
