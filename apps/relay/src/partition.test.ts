import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { OutcallAnswer } from '@cim/outcall';
import {
  type FeedPartition,
  type FeedProgress,
  type Letter,
  letterName,
  letterOf,
  type Webhook,
} from '@cim/store';
import { eventsOf } from './events.ts';
import { record } from '../test/record.ts';
import { retrySchedule } from './retry-schedule.ts';
import { Partition } from './partition.ts';
import { Sender } from './sender.ts';

const webhook: Webhook = {
  ...{ id: 'hook', version: 1, url: 'https://a.example/', secrets: [], events: ['message.stored'] },
  ...{ batch: 1, createdAt: 0 },
};

const answer = (status: number): OutcallAnswer => ({
  ...{ outcome: 'answered', status, retryAfterMs: undefined, body: Buffer.alloc(0), whole: true, ms: 1 },
});
const letterFor = (position: number): string => {
  const [told] = eventsOf(record(position));
  assert.ok(told !== undefined);
  const { event, conversation } = told;
  return JSON.stringify({ event, conversation, failed: 2, at: 0, problem: 'x' } satisfies Letter);
};

/** A partition with one webhook whose cursor is 5; the receiver takes all at once unless it `hangs`. */
function begin({ hangs = false, letters = new Map<string, string>() } = {}) {
  const calls: { readonly id: string; readonly end: (answer: OutcallAnswer) => void }[] = [];
  const commits: FeedProgress[] = [];
  const store = { answers: true as boolean | Error };
  const lost: number[] = [];
  const state = { letters: 0 };
  const sender = new Sender(webhook, {
    outcall: {
      post: ({ id }) =>
        new Promise((resolve) => {
          calls.push({ id, end: resolve });
          if (!hangs) resolve(answer(200));
        }),
    },
    ...{ now: () => 0, after: () => ({ cancel: () => undefined }), retryAfter: retrySchedule() },
    ...{ gone: () => undefined, observe: () => undefined },
  });
  const partition = new Partition(
    'p' as FeedPartition,
    { cursors: new Map([['hook', 5]]), letters, look: '' },
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
        ...{
          sender,
          now: () => 0,
          away: { isAway: () => Promise.resolve(false), of: () => Promise.resolve(undefined) },
        },
        ...{ lettersOfAll: () => state.letters, changed: () => undefined, observe: () => undefined },
      }),
      lost: (_, records, why) => lost.push(why === 'too old' ? -records : records),
    },
  );
  partition.setWebhooks([webhook]);
  return { partition, commits, store, lost, sender, calls, state };
}
/** The list of webhooks is read, and is the same. */
const listed = (partition: Partition): void => {
  partition.beforeList();
  partition.afterList();
};
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

test('records that are too old are given up: what was not read of them is counted, what was read is still sent', async () => {
  const { partition, commits, lost, calls } = begin({ hangs: true });
  // So many that there is no room for more.
  await partition.take(
    5,
    Array.from({ length: 1_000 }, (_, i) => record(6 + i)),
  );
  await settled();
  assert.deepEqual([...partition.wanted], []);
  assert.equal(partition.giveUp(1_008), true);
  assert.deepEqual(lost, [-3]);
  await partition.commit();
  assert.equal(commits[0]?.trimTo, 1_008);
  calls[0]?.end(answer(200));
  await settled();
  assert.deepEqual([...partition.wanted], [1_008]);
  await partition.take(1_008, [1_009].map(record));
  assert.deepEqual(lost, [-3]);
  await partition.commit();
  // The newest record that was checked is gone from the feed, so the store is not asked for it.
  assert.deepEqual([commits[1]?.cursors?.get('hook'), commits[1]?.check], [6, undefined]);
});

test('records that are too old are not given up while the webhook reads on', async () => {
  const { partition, commits, lost } = begin();
  await partition.take(5, [6, 7].map(record));
  assert.equal(partition.giveUp(10), true);
  assert.equal(partition.giveUp(10), false);
  assert.deepEqual([...partition.wanted], [7]);
  await partition.take(7, [8, 9, 10, 11].map(record));
  await settled();
  assert.equal(partition.giveUp(10), true);
  await partition.commit();
  assert.deepEqual([commits[0]?.trimTo, commits[0]?.cursors?.get('hook'), lost], [10, 11, []]);
});

test('a webhook that is removed and comes back under its id begins anew: nothing is lost, and its letters go', async () => {
  const letter = letterName('hook', 3, 0);
  const { partition, commits, lost } = begin({ hangs: true, letters: new Map([[letter, letterFor(3)]]) });
  partition.setWebhooks([]);
  partition.setWebhooks([webhook]);
  assert.deepEqual([partition.placeOf('hook')?.letters, [...partition.wanted]], [0, [0]]);
  await partition.take(0, [20].map(record));
  await partition.commit();
  const [commit] = commits;
  assert.deepEqual(
    [lost, commit?.cursors?.get('hook'), [...(commit?.letters ?? [])]],
    [[], 19, [[letter, undefined]]],
  );
});

test('the cursor moves over what was delivered, and the newest record stays in the feed', async () => {
  const { partition, commits } = begin();
  await partition.take(5, [6, 7].map(record));
  await settled();
  listed(partition);
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

test('records stay until the list of webhooks was read after them, since a new webhook gets them too', async () => {
  const { partition, commits } = begin();
  await partition.take(5, [6, 7].map(record));
  await settled();
  partition.beforeList();
  await partition.take(7, [8, 9].map(record));
  await settled();
  await partition.commit();
  assert.deepEqual([commits[0]?.cursors?.get('hook'), commits[0]?.trimTo], [9, undefined]);
  partition.afterList();
  await partition.commit();
  assert.equal(commits[1]?.trimTo, 7);
});

test('an event that is not delivered holds the cursor before it', async () => {
  const { partition, commits } = begin({ hangs: true });
  await partition.take(5, [6, 7].map(record));
  await settled();
  listed(partition);
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

test('an event that is a letter already is sent once, although its record is read again', async () => {
  const letters = new Map([[letterName('hook', 7, 0), letterFor(7)]]);
  const { partition, commits, calls } = begin({ letters });
  await settled();
  await partition.take(5, [6, 7, 8].map(record));
  await settled();
  assert.deepEqual(
    calls.map(({ id }) => id),
    [7, 6, 8].map((position) => eventsOf(record(position))[0]?.event.id),
  );
  await partition.commit();
  const [commit] = commits;
  assert.equal(commit?.cursors?.get('hook'), 8);
  assert.deepEqual([...(commit.letters ?? [])], [[letterName('hook', 7, 0), undefined]]);
});

test('an event with the place of a letter and another id is sent', async () => {
  const letters = new Map([[letterName('hook', 7, 0), letterFor(70)]]);
  const { partition, calls } = begin({ letters });
  await settled();
  await partition.take(5, [6, 7].map(record));
  await settled();
  assert.equal(calls.length, 3);
});

test('a webhook with very many letters in all partitions gets no further ones: an event that fails holds the cursor', async () => {
  const { partition, commits, sender, calls, state } = begin({ hangs: true });
  state.letters = 20_000;
  await partition.take(5, [6].map(record));
  await settled();
  for (let i = 0; i < 2; i++) {
    calls[i]?.end(answer(500));
    await settled();
    sender.webhook = { ...webhook, url: `https://${i}.example/` };
    await settled();
  }
  await partition.commit();
  assert.deepEqual([commits[0]?.cursors?.get('hook'), commits[0]?.letters?.size], [undefined, undefined]);
});

test('a webhook that is turned off during a request has dead letters, and its cursor goes on', async () => {
  const { partition, commits, sender, calls } = begin({ hangs: true });
  await partition.take(5, [6, 7].map(record));
  await settled();
  // The second failure in a row makes a letter of the event.
  calls[0]?.end(answer(500));
  await settled();
  sender.webhook = { ...webhook, url: 'https://b.example/' };
  await settled();
  const off = { ...webhook, url: 'https://b.example/', off: 'by hand' };
  partition.setWebhooks([off]);
  sender.webhook = off;
  sender.turnOff('by hand');
  calls[1]?.end(answer(500));
  await settled();
  await partition.commit();
  const letters = [...(commits[0]?.letters?.values() ?? [])];
  assert.deepEqual(
    letters.map((text) => letterOf(text ?? '').dead),
    [true, true],
  );
  assert.equal(commits[0]?.cursors?.get('hook'), 7);
});
