import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import {
  decodeEntry,
  entryBytes,
  type GroupId,
  groupStream,
  type MessageId,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import { type Entry, entryId, type Streams } from '@cim/store';
import { until as polled } from '@cim/testkit';
import fc from 'fast-check';
import { madeUp, Stored } from '../../test/stored.ts';
import { FakeTimers } from '../../test/fake-timers.ts';
import { GroupLog } from './group-log.ts';
import type { SharedPiece } from './shared-piece.ts';

let stored: Stored;
let group: GroupId;
let stream: StreamRef;
let groups = 0;
let reads = 0;
let timers: FakeTimers;

/** The store's streams, with a count of the reads. */
function counted(): Streams {
  const real = stored.store.streams;
  const log = Object.create(real) as Streams;
  reads = 0;
  log.read = (...of) => {
    reads++;
    return real.read(...of);
  };
  log.position = (of) => real.position(of);
  return log;
}

function join(log: GroupLog, next: number, last = '') {
  const written: number[] = [];
  const pieces: SharedPiece[] = [];
  const broken: number[] = [];
  const state = { ready: true, now: 1 };
  const feed = log.follow(next as Seq, last as MessageId, {
    acknowledged: () => undefined,
    ready: () => state.ready,
    write: () => assert.fail('what a group gets is shared'),
    writeShared: (_, piece) => {
      written.push(...piece.entries.map(({ seq }) => seq));
      pieces.push(piece);
    },
    expired: () => assert.fail('a group is asked where it goes on'),
    lost: (_, from) => assert.fail(`nothing before ${from} is lost`),
    broken: (it) => broken.push(it.last.seq),
    passed: () => assert.fail('a group tells nobody'),
    userId: 1 as UserId,
    signal: () => undefined,
    woken: () => true,
    now: () => state.now,
  });
  return { feed, written, pieces, broken, state };
}

/** Waits while time passes in the log. */
const until = (what: string, condition: () => boolean): Promise<void> =>
  polled(what, () => {
    if (condition()) return true;
    timers.pass(20);
    return false;
  });

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
const append = (count: number): Promise<Entry[]> => stored.append(stream, upTo(count).map(String));

/** Gives the log pushes of one turn. */
async function offer(log: GroupLog, entries: readonly Entry[]): Promise<void> {
  for (const entry of entries) log.offer(entry);
  await turn();
}

describe('the log of a group', () => {
  before(async () => {
    stored = await Stored.open();
  });
  after(() => stored[Symbol.asyncDispose]());
  beforeEach(() => {
    group = `group-log-${++groups}` as GroupId;
    stream = groupStream(group);
    timers = new FakeTimers();
  });

  test('gives the entries of one turn to all sessions that are caught up, as one piece', async () => {
    // The entries come before any session follows. The first one that follows reads the log a moment later.
    const entries = await append(3);
    const log = new GroupLog(group, counted(), timers);
    const members = [join(log, 1), join(log, 1), join(log, 1)];
    await offer(log, entries);
    for (const { written } of members) assert.deepEqual(written, [1, 2, 3]);
    const [a, b] = members;
    assert.equal(a?.pieces.length, 1);
    assert.ok(a.pieces[0] !== undefined && a.pieces[0].own === b?.pieces[0]?.own);
    assert.equal(reads, 0);
    log.end();
  });

  test('keeps entries in memory of their own length, not the reads of sockets that they came in', async () => {
    const read = Buffer.alloc(64 * 1024);
    const whole = madeUp(1);
    read.set(entryBytes(whole), 500);
    read.set(whole.content, 100);
    const fromSession = { ...whole, content: read.subarray(100, 100 + whole.content.length) };
    const fromServer = {
      ...decodeEntry(read.subarray(500, 500 + entryBytes(whole).length)),
      seq: 2,
      prev: entryId(whole),
      counter: 2,
    };
    const log = new GroupLog(group, counted(), timers);
    const { pieces } = join(log, 1);
    await offer(log, [fromSession, fromServer as unknown as Entry]);
    const entries = pieces.flatMap((piece) => piece.entries);
    assert.equal(entries.length, 2);
    for (const [i, { content, wire }] of entries.entries()) {
      assert.deepEqual(Buffer.from(content), whole.content);
      const kept = [content, ...(wire === undefined ? [] : [wire]), ...pieces.map(({ own }) => own)];
      for (const bytes of kept)
        assert.ok(bytes.buffer.byteLength < 300, `${i}: ${bytes.buffer.byteLength} bytes`);
    }
    log.end();
  });

  test('many members get new entries in several passes of the event loop; later entries reach all of them in order', async () => {
    const entries = upTo(610).map(madeUp);
    const log = new GroupLog(group, counted(), timers);
    const members = Array.from({ length: 200 }, () => join(log, 1));
    for (const { written } of members) {
      const push = written.push.bind(written);
      written.push = (...seqs) => {
        const ms = written.length === 0 || seqs.length > 1 ? 0.1 : 0;
        for (const begun = performance.now(); performance.now() - begun < ms; );
        return push(...seqs);
      };
    }
    const having = (seq: number): number => members.filter(({ written }) => written.at(-1) === seq).length;
    await offer(log, entries.slice(0, 1));
    assert.ok(having(1) > 0 && having(1) < 150, `${having(1)} members were given it in one go`);
    await offer(log, entries.slice(1, 3));
    // Each round has more entries than may wait for the end of a pass.
    for (let from = 3; from < 600; from += 150) {
      await offer(log, entries.slice(from, Math.min(from + 150, 600)));
      for (const { feed, written } of members) if (written.length > 0) feed.ack(written.at(-1) as Seq);
    }
    for (const entry of entries.slice(600)) await offer(log, [entry]);
    await polled('all have all', () => {
      for (const { feed, written } of members) if (written.length > 0) feed.ack(written.at(-1) as Seq);
      return having(610) === members.length;
    });
    for (const { written } of members) assert.deepEqual([...written], upTo(610));
    assert.equal(reads, 0, 'nobody fell behind the memory of the log');
    log.end();
  });

  test('a piece exceeds neither the window of a session nor what a nearly full channel still takes', async () => {
    const entries = await append(300);
    const log = new GroupLog(group, counted(), timers);
    const [caughtUp, unacked] = [join(log, 1), join(log, 1)];
    await offer(log, entries.slice(0, 200));
    caughtUp.feed.ack(200 as Seq);
    await offer(log, entries.slice(200));
    assert.deepEqual(caughtUp.pieces.at(-1)?.entries, entries.slice(200));
    assert.deepEqual(caughtUp.written, upTo(300));
    assert.deepEqual(unacked.written, upTo(256), 'the window');
    unacked.feed.ack(100 as Seq);
    assert.deepEqual(unacked.written, upTo(300));
    const large = await stored.append(
      stream,
      [...'abc'].map((text) => text.repeat(30_000)),
    );
    caughtUp.feed.ack(300 as Seq);
    await offer(log, large.slice(0, 2));
    assert.equal(caughtUp.pieces.at(-1)?.entries.length, 2);
    await offer(log, large.slice(2));
    caughtUp.feed.ack(303 as Seq);
    const larger = await stored.append(
      stream,
      [...'defg'].map((text) => text.repeat(30_000)),
    );
    await offer(log, larger);
    assert.deepEqual(caughtUp.written, upTo(307));
    for (const { contentBytes } of caughtUp.pieces)
      assert.ok(contentBytes <= 64 * 1024, String(contentBytes));
    log.end();
  });

  test('reads missing entries once for all sessions, whatever pushes are lost or out of order', async () => {
    const entries = await append(12);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(entries, { minLength: 1 }), async (pushed) => {
        const log = new GroupLog(group, counted(), timers);
        const members = Array.from({ length: 20 }, () => join(log, 1));
        for (const entry of pushed) log.offer(entry);
        await log.lookNow();
        await until('all have all', () => members.every(({ written }) => written.length >= 12));
        for (const { written } of members) assert.deepEqual(written, upTo(12));
        assert.ok(reads <= 4, `${reads} reads`);
        log.end();
      }),
      { numRuns: 20 },
    );
  });

  test('a session that joins or was held up goes on from memory without reading the log', async () => {
    const entries = await append(250);
    const log = new GroupLog(group, counted(), timers);
    const first = join(log, 1);
    const slow = join(log, 1);
    slow.state.ready = false;
    await offer(log, entries);
    assert.equal(first.written.length, 250);
    const late = join(log, 41);
    late.feed.resume();
    assert.deepEqual(late.written, upTo(250).slice(40));
    slow.state.ready = true;
    slow.feed.resume();
    assert.deepEqual(slow.written, upTo(250));
    assert.equal(reads, 0);
    log.end();
  });

  test('a session behind the oldest kept entry gets a new position, and not everything that is kept', async () => {
    await append(10);
    const streams = counted();
    const read = streams.read.bind(streams);
    const position = streams.position.bind(streams);
    const trimmed = {
      peek: streams.kept.peek.bind(streams.kept),
      position: async (of: StreamRef) => ({ ...(await position(of)), first: 5 as Seq }),
    };
    Object.assign(streams, { position: trimmed.position, kept: trimmed });
    streams.read = (of, from, limit) => read(of, Math.max(from, 5) as Seq, limit);
    const { feed, written, broken } = join(new GroupLog(group, streams, timers), 1);
    await until('it is asked', () => broken.length === 1);
    assert.deepEqual([broken, written, feed.next], [[0], [], 1]);
    feed.moveTo(8 as Seq, '' as MessageId);
    await until('it goes on there', () => written.length === 3);
    assert.deepEqual(written, [8, 9, 10]);
  });

  test('a session reads entries that are too old for memory by itself, within its window', async () => {
    const entries = await append(600);
    const log = new GroupLog(group, counted(), timers);
    const first = join(log, 1);
    for (const entry of entries) {
      await offer(log, [entry]);
      first.feed.ack(entry.seq);
    }
    assert.equal(first.written.length, 600);
    const late = join(log, 1);
    late.feed.resume();
    await until('the window is full', () => late.written.length === 256);
    late.feed.ack(256 as Seq);
    await until('the next window is full', () => late.written.length === 512);
    late.feed.ack(512 as Seq);
    await until('the rest has come', () => late.written.length === 600);
    assert.deepEqual(late.written, upTo(600));
    log.end();
  });

  test('resends to a member that does not ack, and takes an ack of entries that are on their way again', async () => {
    const entries = await append(3);
    const log = new GroupLog(group, counted(), timers);
    const { feed, written, state } = join(log, 1);
    await offer(log, entries);
    feed.ack(1 as Seq);
    state.now += 24_000;
    assert.equal(feed.lookAtAcks(state.now), 'wait');
    assert.deepEqual(written, [1, 2, 3, 2, 3]);
    state.ready = false;
    state.now += 24_000;
    feed.lookAtAcks(state.now);
    const cursor = feed.ack(3 as Seq);
    assert.ok(typeof cursor === 'object' && cursor.seq === 3);
    assert.equal(feed.next, 4);
    assert.equal(feed.ack(4 as Seq), 'unsent');
    log.end();
  });

  test('resends nothing that a member holds, until something else is unacked', async () => {
    const entries = await append(3);
    const log = new GroupLog(group, counted());
    const { feed, written, state } = join(log, 1);
    await offer(log, entries.slice(0, 2));
    feed.hold(2 as Seq);
    state.now += 600_000;
    assert.equal(feed.acksDueIn(state.now), Infinity);
    assert.equal(feed.lookAtAcks(state.now), 'wait');
    await offer(log, entries.slice(2));
    feed.hold(2 as Seq);
    state.now += 24_000;
    assert.equal(feed.lookAtAcks(state.now), 'wait');
    assert.deepEqual(written, [1, 2, 3, 1, 2, 3]);
    log.end();
  });

  test('gives up on a member that never acks', async () => {
    const entries = await append(1);
    const log = new GroupLog(group, counted(), timers);
    const { feed, state } = join(log, 1);
    await offer(log, entries);
    for (let times = 0; times < 3; times++) {
      state.now += 24_000;
      assert.equal(feed.lookAtAcks(state.now), 'wait');
    }
    state.now += 24_000;
    assert.equal(feed.lookAtAcks(state.now), 'give-up');
    log.end();
  });

  test('tells all members when the store has lost sent entries, and goes on with those that are there', async () => {
    const real = stored.store.streams;
    const lost = groupStream(`group-log-${++groups}` as GroupId);
    let now = stream;
    const position = () => real.position(now);
    const log = new GroupLog(
      group,
      Object.assign(Object.create(real) as Streams, {
        read: (_: StreamRef, from: Seq, limit: number) => real.read(now, from, limit),
        position,
        kept: { position },
      }),
      timers,
    );
    const entries = await append(3);
    const members = [join(log, 1), join(log, 1)];
    await offer(log, entries);
    now = lost;
    const [first, second] = await stored.append(lost, ['1', '2']);
    assert.ok(first && second);
    log.offer(second);
    await until('both are told', () => members.every(({ broken }) => broken.length === 1));
    for (const { feed } of members) {
      feed.moveTo(1 as Seq, '' as MessageId);
      assert.notEqual(feed.ack(3 as Seq), 'unsent', 'it was on its way when the log went back');
    }
    await until('both have what is there', () => members.every(({ written }) => written.length === 5));
    for (const { written } of members) assert.deepEqual(written, [1, 2, 3, 1, 2]);
    log.end();
  });

  test('reports no loss that only a deposed server shows', async () => {
    const real = stored.store.streams;
    let asked = 0;
    const log = new GroupLog(
      group,
      Object.assign(Object.create(real) as Streams, {
        position: () => Promise.resolve({ first: 1 as Seq, top: 1 as Seq, topId: '7:other:1' as MessageId }),
        kept: {
          position: (of: StreamRef) => {
            asked++;
            return real.position(of);
          },
        },
      }),
      timers,
    );
    const entries = await append(3);
    const { written, broken } = join(log, 1);
    await offer(log, entries);
    await log.lookNow();
    await log.lookNow();
    assert.ok(asked > 0);
    assert.deepEqual([broken, written], [[], [1, 2, 3]]);
    log.end();
  });

  test('gives a new position again to a session that should go on after an entry that is not there', async () => {
    const log = new GroupLog(group, stored.store.streams, timers);
    const [, second] = await append(3);
    assert.ok(second);
    const stranger = '7:other:1' as MessageId;
    const { feed, written, broken, state } = join(log, 3, entryId(second));
    await until('what is there is written', () => written.length === 1);
    feed.break();
    feed.moveTo(4 as Seq, stranger);
    await until('the top is another', () => broken.length === 2);
    state.now += 1_000;
    feed.moveTo(3 as Seq, stranger);
    await until('the one before is another', () => broken.length === 3);
    assert.deepEqual(feed.last, { seq: 2, id: stranger });
    state.now += 1_000;
    feed.moveTo(3 as Seq, entryId(second));
    await until('it goes on', () => written.length === 2);
    assert.deepEqual(written, [3, 3]);
    assert.equal(broken.length, 3);
    log.end();
  });

  test('a session moved back during a read begins at its new position and is told of no gap', async () => {
    const streams = counted();
    const log = new GroupLog(group, streams, timers);
    await append(400); // more than memory keeps
    const newest = join(log, 400);
    await until('the log stands at its end', () => newest.written.length === 1);
    const read = streams.read;
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    streams.read = async (...of) => {
      const entries = await read(...of);
      await gate;
      return entries;
    };
    const { feed, written } = join(log, 60);
    feed.resume();
    await until('it reads', () => reads > 1);
    feed.moveTo(40 as Seq, '' as MessageId);
    release();
    await until('it goes on', () => written.length >= 20);
    assert.deepEqual(written.slice(0, 20), upTo(59).slice(39));
    log.end();
  });
});
