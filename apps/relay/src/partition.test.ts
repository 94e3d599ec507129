import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  encodeContent,
  inboxOf,
  type MessageId,
  type ProducerId,
  type Seq,
  type UserId,
} from '@cim/protocol';
import type { FeedPartition, FeedProgress, FeedRecord, Webhook } from '@cim/store';
import { retrySchedule } from './retry-schedule.ts';
import { Partition } from './partition.ts';
import { Sender } from './sender.ts';

const record = (position: number): FeedRecord => ({
  position,
  stream: inboxOf(1002 as UserId),
  entry: {
    ...{ seq: position as Seq, prev: '' as MessageId, storedAt: position, n: position, counter: 0 },
    sender: { userId: 1001 as UserId, userName: 'ann' },
    producer: `producer-${position}` as ProducerId,
    content: encodeContent({ texts: ['x'] }),
  },
});
const webhook: Webhook = {
  ...{ id: 'hook', version: 1, url: 'https://a.example/', secrets: [], events: ['message.stored'] },
  ...{ batch: 1, createdAt: 0 },
};

/** A partition with one webhook whose cursor is 5; the receiver takes all at once unless it `hangs`. */
function begin({ hangs = false } = {}) {
  const commits: FeedProgress[] = [];
  const store = { answers: true as boolean | Error };
  const lost: number[] = [];
  const sender = new Sender(webhook, {
    outcall: {
      post: () =>
        new Promise((resolve) => {
          if (!hangs)
            resolve({
              ...{ outcome: 'answered', status: 200, retryAfterMs: undefined, body: Buffer.alloc(0) },
              ...{ whole: true, ms: 1 },
            });
        }),
    },
    ...{ now: () => 0, after: () => ({ cancel: () => undefined }), retryAfter: retrySchedule() },
    ...{ gone: () => undefined, observe: () => undefined },
  });
  const partition = new Partition(
    'p' as FeedPartition,
    { cursors: new Map([['hook', 5]]), letters: new Map(), look: '' },
    {
      feed: {
        commit: (_partition, _relay, progress) => {
          commits.push(progress);
          return store.answers instanceof Error
            ? Promise.reject(store.answers)
            : Promise.resolve(store.answers);
        },
      },
      relay: 'r',
      placeParts: () => ({
        ...{ sender, now: () => 0, isOffline: () => Promise.resolve(false) },
        ...{ changed: () => undefined, observe: () => undefined },
      }),
      lost: (_, records) => lost.push(records),
    },
  );
  partition.setWebhooks([webhook]);
  return { partition, commits, store, lost };
}
/** The receiver has answered what was sent. */
const settled = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await nextTurn();
};

test('records that the feed has dropped before they were read are counted', async () => {
  const { partition, lost } = begin();
  await partition.take(5, [6, 7].map(record));
  assert.deepEqual(lost, []);
  await partition.take(7, [11].map(record));
  assert.deepEqual(lost, [3]);
});

test('the cursor moves over what was delivered, and the newest record stays in the feed', async () => {
  const { partition, commits } = begin();
  await partition.take(5, [6, 7].map(record));
  await settled();
  assert.equal(await partition.commit(), true);
  assert.deepEqual([commits[0]?.cursors?.get('hook'), commits[0]?.trimTo], [7, 6]);
  assert.equal(commits[0]?.check, undefined);
  await partition.take(7, [8].map(record));
  await settled();
  await partition.commit();
  assert.deepEqual([commits[1]?.cursors?.get('hook'), commits[1]?.check?.position], [8, 7]);
  // Nothing is new.
  assert.equal(await partition.commit(), true);
  assert.equal(commits.length, 2);
});

test('an event that is not delivered holds the cursor before it', async () => {
  const { partition, commits } = begin({ hangs: true });
  await partition.take(5, [6, 7].map(record));
  await settled();
  await partition.commit();
  const [commit] = commits;
  assert.equal(commit?.cursors?.get('hook') ?? 5, 5);
  assert.ok((commit?.trimTo ?? 0) <= 5);
});

test('what the store did not take is written with the next commit', async () => {
  const { partition, commits, store } = begin();
  await partition.take(5, [6].map(record));
  await settled();
  store.answers = new Error('away');
  await assert.rejects(partition.commit(), /away/);
  store.answers = true;
  assert.equal(await partition.commit(), true);
  assert.equal(commits[1]?.cursors?.get('hook'), 6);
  store.answers = false;
  await partition.take(6, [7].map(record));
  await settled();
  assert.equal(await partition.commit(), false);
});
