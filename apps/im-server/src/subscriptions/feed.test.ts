import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { MessageId, Seq, StreamRef, UserId } from '@cim/protocol';
import { groupStream, type GroupId } from '@cim/protocol';
import type { Entry, Streams } from '@cim/store';
import { until } from '@cim/testkit';
import fc from 'fast-check';
import { Stored } from '../../test/stored.ts';
import { Feed } from './feed.ts';

let stored: Stored;
let stream: StreamRef;
let streams = 0;

/** A feed, the entries that it writes, and a sink that the test can stop. */
function follow(next: number, log: Streams = stored.store.streams) {
  const written: number[] = [];
  const broken: number[] = [];
  const passed: [number, number][] = [];
  const state = { ready: true, now: 1 };
  const feed = new Feed(stream, next as Seq, log, {
    acknowledged: () => undefined,
    ready: () => state.ready,
    write: (_, entry) => written.push(entry.seq),
    writeShared: () => assert.fail('an inbox is shared with nobody'),
    expired: (_, from, to) => written.push(0 - from, 0 - to),
    lost: (_, from) => assert.fail(`nothing before ${from} is lost`),
    broken: () => broken.push(feed.last.seq),
    passed: (_, sender, seq) => passed.push([sender, seq]),
    userId: 1 as UserId,
    signal: () => undefined,
    woken: () => assert.fail('an inbox does not rest'),
    now: () => state.now,
  });
  return { feed, written, broken, passed, state };
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
const append = (count: number): Promise<Entry[]> => stored.append(stream, upTo(count).map(String));

/** The store's streams. The first read answers only when the test releases it. */
function holding(): { log: Streams; release: () => void } {
  const real = stored.store.streams;
  const log = Object.create(real) as Streams;
  let release = (): void => undefined;
  let gate: Promise<void> | undefined = new Promise((resolve) => (release = resolve));
  log.position = (of) => real.position(of);
  log.read = async (...of) => {
    const entries = await real.read(...of);
    await gate;
    gate = undefined;
    return entries;
  };
  return { log, release };
}

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

  test('reads a hole from the log by itself when the missing entries do not come', async () => {
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

  test('stops at 256 unacked entries and goes on when they are acked', async () => {
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

  test('refuses an ack of an entry that was never sent, and answers nothing to an old one', async () => {
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

  test('writes nothing after its end, not even entries that were being read', async () => {
    await append(2);
    const { feed, written } = follow(1);
    feed.wake();
    feed.end();
    await stored.store.streams.position(stream);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(written, []);
  });

  test('sends entries again that are not acked in 24 s, three times, and then gives up', async () => {
    const entries = await append(3);
    const { feed, written, state } = follow(1);
    for (const entry of entries) feed.offer(entry);
    feed.ack(1 as Seq);
    for (let times = 1; times <= 3; times++) {
      state.now += 23_000;
      assert.equal(feed.lookAtAcks(state.now), 'wait');
      assert.equal(feed.acksDueIn(state.now), times === 1 ? 1_000 : 3_000);
      assert.equal(written.length, 1 + 2 * times);
      state.now += 1_000;
      assert.equal(feed.lookAtAcks(state.now), 'wait');
      await until('the two are sent again', () => written.length === 3 + 2 * times);
    }
    assert.deepEqual(written, [1, 2, 3, 2, 3, 2, 3, 2, 3]);
    state.now += 24_000;
    assert.equal(feed.lookAtAcks(state.now), 'give-up');
    feed.end();
  });

  test('an ack starts the wait anew, and ends it when nothing is left', async () => {
    const { feed, written, state } = follow(1);
    for (const entry of await append(2)) feed.offer(entry);
    state.now += 23_000;
    feed.ack(1 as Seq);
    state.now += 23_000;
    assert.equal(feed.lookAtAcks(state.now), 'wait');
    feed.ack(2 as Seq);
    state.now += 100_000;
    assert.equal(feed.acksDueIn(state.now), Infinity);
    assert.equal(feed.lookAtAcks(state.now), 'wait');
    assert.deepEqual(written, [1, 2]);
    feed.end();
  });

  test('finds a client with a full window that has acked nothing for 30 s to be stalled', async () => {
    await append(300);
    const { feed, written, state } = follow(1);
    feed.wake();
    await until('the window is full', () => written.length >= 256);
    state.now += 29_000;
    assert.equal(feed.lookAtAcks(state.now), 'wait');
    state.now += 1_000;
    assert.equal(feed.lookAtAcks(state.now), 'stalled');
    feed.end();
  });

  test('neither resends entries that the client holds nor finds it stalled, and gives up on the others', async () => {
    await append(300);
    const { feed, written, state } = follow(1);
    feed.wake();
    await until('the window is full', () => written.length >= 256);
    state.now += 10_000;
    feed.hold(256 as Seq);
    state.now += 600_000;
    assert.equal(feed.acksDueIn(state.now), Infinity);
    assert.equal(feed.lookAtAcks(state.now), 'wait');
    assert.equal(written.length, 256);
    feed.ack(1 as Seq);
    await until('the next one goes out', () => written.length === 257);
    feed.hold(256 as Seq);
    state.now += 24_000;
    assert.equal(feed.lookAtAcks(state.now), 'wait');
    await until('what is not acked is sent again', () => written.length > 257);
    feed.end();
  });

  test('tells which senders an ack has passed, with the last entry of each run', async () => {
    const [first, second, third] = await append(3);
    assert.ok(first && second && third);
    const { feed, passed } = follow(1);
    feed.offer(first);
    feed.offer({ ...second, sender: { userId: 77 as UserId, userName: 'other' } });
    // The next entry names the id that the log has, and not the one made up here.
    assert.equal(typeof feed.ack(2 as Seq), 'object');
    assert.deepEqual(passed, [
      [stored.user, 1],
      [77, 2],
    ]);
    feed.end();
  });

  test('begins at its new position when it was moved back during a read, and reports no gap', async () => {
    await append(12);
    const held = holding();
    const { feed, written } = follow(10, held.log);
    feed.wake();
    feed.moveTo(5 as Seq, '' as MessageId);
    held.release();
    await until('all are written', () => written.at(-1) === 12);
    assert.deepEqual(written, upTo(12).slice(4));
    feed.end();
  });

  describe('when the store has lost what went out', () => {
    let lost: StreamRef;
    /** A log that the test can replace by another. */
    function replaced(): { log: Streams; replace: () => void } {
      const real = stored.store.streams;
      const log = Object.create(real) as Streams;
      let now = stream;
      lost = groupStream(`feed-${++streams}` as GroupId);
      log.read = (_, from, limit) => real.read(now, from, limit);
      log.position = () => real.position(now);
      Object.assign(log, { kept: log });
      return {
        log,
        replace: () => {
          now = lost;
        },
      };
    }

    test('notices at the pass that the log ends before the last written entry', async () => {
      const { log, replace } = replaced();
      const { feed, broken, written } = follow(1, log);
      for (const entry of await append(3)) feed.offer(entry);
      const at = feed.last;
      feed.check(at, await log.position(stream));
      assert.deepEqual(broken, []);
      replace();
      feed.check(at, await log.position(stream));
      assert.deepEqual(broken, [3]);
      feed.moveTo(1 as Seq, '' as MessageId);
      assert.equal(feed.ack(3 as Seq), undefined, 'it was on its way when the log went back');
      assert.equal(feed.ack(4 as Seq), 'unsent');
      const again = await stored.append(lost, ['1', '2']);
      for (const entry of again) feed.offer(entry);
      assert.deepEqual(written, [1, 2, 3, 1, 2]);
      feed.end();
    });

    test('notices an entry whose predecessor is not the last sent entry', async () => {
      const { log } = replaced();
      const { feed, broken, written } = follow(1, log);
      for (const entry of await append(2)) feed.offer(entry);
      const others = await stored.append(lost, ['1', '2', '3']);
      assert.ok(others[2]);
      feed.offer({ ...others[2], prev: 'somebody:else:1' as MessageId });
      assert.deepEqual(broken, [2]);
      assert.deepEqual(written, [1, 2]);
      feed.end();
    });

    test('does not mistake a new entry with an old seq for one that was sent', async () => {
      const { log, replace } = replaced();
      const { feed, broken, written } = follow(1, log);
      for (const entry of await append(3)) feed.offer(entry);
      feed.ack(3 as Seq);
      replace();
      const [first] = await stored.append(lost, ['1']);
      assert.ok(first);
      feed.offer(first);
      await until('the log is looked at', () => broken.length === 1);
      feed.moveTo(1 as Seq, '' as MessageId);
      await until('it is written', () => written.length === 4);
      assert.deepEqual(written, [1, 2, 3, 1]);
      feed.end();
    });

    test('notices that it should go on after an entry that is not in the log', async () => {
      const { log, replace } = replaced();
      const { feed, broken, written } = follow(1, log);
      for (const entry of await append(3)) feed.offer(entry);
      replace();
      await stored.append(lost, ['1', '2']);
      feed.check(feed.last, await log.position(stream));
      assert.deepEqual(broken, [3]);
      const stranger = '7:other:1' as MessageId;
      feed.moveTo(3 as Seq, stranger);
      await until('the top is another', () => broken.length === 2);
      await stored.append(lost, ['3']);
      feed.moveTo(3 as Seq, stranger);
      await until('the one before is another', () => broken.length === 3);
      assert.deepEqual(written, [1, 2, 3]);
      feed.end();
    });
  });
});
