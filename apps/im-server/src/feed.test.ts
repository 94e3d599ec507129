import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Seq, StreamRef } from '@cim/protocol';
import { groupStream, type GroupId } from '@cim/protocol';
import type { Entry, Streams } from '@cim/store';
import { until } from '@cim/testkit';
import fc from 'fast-check';
import { Stored } from '../test/stored.ts';
import { Feed } from './feed.ts';

let stored: Stored;
let stream: StreamRef;
let streams = 0;

/** What a feed writes, and a sink that can be made to stand still. */
function follow(next: number, log: Streams = stored.store.streams) {
  const written: number[] = [];
  const state = { ready: true };
  const feed = new Feed(stream, next as Seq, log, {
    ready: () => state.ready,
    write: (_, entry) => written.push(entry.seq),
    expired: (_, from, to) => written.push(0 - from, 0 - to),
  });
  return { feed, written, state };
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
const append = (count: number): Promise<Entry[]> => stored.append(stream, upTo(count).map(String));

describe('a feed', () => {
  before(async () => {
    stored = await Stored.open();
  });
  after(() => stored[Symbol.asyncDispose]());
  beforeEach(() => {
    stream = groupStream(`feed-${++streams}` as GroupId);
  });

  test('writes a pushed entry that fits at once, and drops one that went out before', async () => {
    const entries = await append(3);
    const { feed, written } = follow(1);
    for (const entry of entries) feed.offer(entry);
    for (const entry of entries) feed.offer(entry);
    assert.deepEqual(written, [1, 2, 3]);
    feed.end();
  });

  test('writes each entry once and in order, whatever order the pushes come in and whichever are lost', async () => {
    const entries = await append(12);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(entries, { minLength: 1 }), async (pushed) => {
        const { feed, written } = follow(1);
        for (const entry of pushed) feed.offer(entry);
        feed.wake();
        await until('all are written', () => written.length >= 12);
        assert.deepEqual(written, upTo(12));
        feed.end();
      }),
      { numRuns: 25 },
    );
  });

  test('reads a hole from the log without being told, once the entries before it do not come', async () => {
    const entries = await append(5);
    const { feed, written } = follow(1);
    const last = entries.at(-1);
    assert.ok(last);
    feed.offer(last);
    assert.deepEqual(written, []);
    await until('the hole is read', () => written.length === 5);
    assert.deepEqual(written, upTo(5));
    feed.end();
  });

  test('stops at 256 entries that are not acked and goes on as they are', async () => {
    await append(300);
    const { feed, written } = follow(1);
    feed.wake();
    await until('the window is full', () => written.length >= 256);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(written.length, 256);
    const cursor = feed.ack(100 as Seq);
    assert.ok(typeof cursor === 'object');
    assert.equal(cursor.seq, 100);
    await until('the rest comes', () => written.length === 300);
    assert.deepEqual(written, upTo(300));
    feed.end();
  });

  test('refuses an ack of what never went out, and answers nothing for one that is old', async () => {
    const entries = await append(3);
    const { feed } = follow(1);
    for (const entry of entries) feed.offer(entry);
    assert.equal(feed.ack(4 as Seq), 'unsent');
    assert.equal(typeof feed.ack(3 as Seq), 'object');
    assert.equal(feed.ack(2 as Seq), undefined);
    feed.end();
  });

  test('waits while its channel does not drain, and goes on where it stopped', async () => {
    const entries = await append(4);
    const { feed, written, state } = follow(1);
    const [first, ...rest] = entries;
    assert.ok(first);
    feed.offer(first);
    state.ready = false;
    for (const entry of rest) feed.offer(entry);
    assert.deepEqual(written, [1]);
    state.ready = true;
    feed.resume();
    await until('the rest is read', () => written.length === 4);
    assert.deepEqual(written, upTo(4));
    feed.end();
  });

  test('tries again when the store does not answer', async () => {
    await append(2);
    const real = stored.store.streams;
    let failures = 1;
    const failing = Object.create(real) as Streams;
    failing.read = (...request) =>
      failures-- > 0 ? Promise.reject(new Error('away')) : real.read(...request);
    const { feed, written } = follow(1, failing);
    feed.wake();
    await until('both are written', () => written.length === 2);
    feed.end();
  });

  test('writes nothing after its end, not even what was being read', async () => {
    await append(2);
    const { feed, written } = follow(1);
    feed.wake();
    feed.end();
    await stored.store.streams.position(stream);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(written, []);
  });
});
