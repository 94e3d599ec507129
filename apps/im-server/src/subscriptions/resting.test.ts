/** Sessions that rest in a group. They have no feed there until the next entry comes. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import {
  type GroupId,
  groupStream,
  type MessageId,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import type { Entry, Position, Streams } from '@cim/store';
import { until } from '@cim/testkit';
import { FakeTimers } from '../../test/fake-timers.ts';
import { Stored } from '../../test/stored.ts';
import type { FeedSink } from './feed-sink.ts';
import { GroupLog } from './group-log.ts';
import { Places } from './places.ts';

let stored: Stored;
let group: GroupId;
let stream: StreamRef;
let groups = 0;
let timers: FakeTimers;

/** A session with its places and the entries that it got. */
class Member {
  readonly places = new Places();
  readonly written: number[] = [];
  readonly broken: number[] = [];
  readonly sink: FeedSink = {
    acknowledged: () => undefined,
    ready: () => true,
    write: () => assert.fail('what a group gets is shared'),
    writeShared: (_, piece) => this.written.push(...piece.entries.map(({ seq }) => seq)),
    expired: () => assert.fail('a group is asked where it goes on'),
    lost: () => assert.fail('nothing is lost'),
    broken: (it) => this.broken.push(it.last.seq),
    passed: () => assert.fail('a group tells nobody'),
    userId: 1 as UserId,
    signal: () => undefined,
    woken: (of, feed) => this.places.woken(of, feed),
    now: () => 1,
  };

  follow(log: GroupLog, next: number, last: string): this {
    this.places.follow(log, next as Seq, last as MessageId, true, this.sink);
    return this;
  }

  get rests(): boolean {
    return this.places.restingIn(group) !== undefined;
  }
}

const append = (count: number): Promise<Entry[]> =>
  stored.append(
    stream,
    Array.from({ length: count }, (_, i) => String(i)),
  );

describe('a session that rests in a group', () => {
  before(async () => {
    stored = await Stored.open();
  });
  after(() => stored[Symbol.asyncDispose]());
  beforeEach(() => {
    group = `resting-${++groups}` as GroupId;
    stream = groupStream(group);
    timers = new FakeTimers();
  });
  const open = (streams: Streams = stored.store.streams) => new GroupLog(group, streams, timers);

  test('is sent the next entries, once, and rests again when it has acked them', async () => {
    const log = open();
    const [first, second] = [new Member().follow(log, 1, ''), new Member().follow(log, 1, '')];
    assert.deepEqual([first.rests, second.rests], [true, true]);
    const entries = await append(3);
    for (const entry of entries.slice(0, 2)) log.offer(entry);
    await until('both have them', () => first.written.length === 2 && second.written.length === 2);
    first.places.rest();
    assert.equal(first.rests, false, 'what is not acked is remembered');
    assert.deepEqual(first.places.reached(group), { sent: 2, acked: 0 });
    for (const member of [first, second]) {
      member.places.get(group)?.ack(2 as Seq);
      member.places.rest();
    }
    assert.deepEqual([first.rests, second.rests], [true, true]);
    assert.deepEqual(first.places.reached(group), { sent: 2, acked: 2 });
    log.forget();
    for (const entry of entries.slice(2)) log.offer(entry);
    await until('both have the last', () => first.written.length === 3 && second.written.length === 3);
    assert.deepEqual(
      [first.written, second.written],
      [
        [1, 2, 3],
        [1, 2, 3],
      ],
    );
    log.end();
  });

  test('does not rest while an entry is on its way to it', async () => {
    const log = open();
    const [early] = await append(1);
    assert.ok(early);
    const resting = new Member().follow(log, 1, '');
    log.offer(early);
    // The pass has not begun. This session has all entries up to here, and the resting ones do not.
    const late = new Member().follow(log, 2, log.topId);
    assert.equal(late.rests, false);
    await until('who rested has it', () => resting.written.length === 1);
    await turn();
    assert.deepEqual(late.written, []);
    log.end();
  });

  test('is not woken after its end, and the log is removed with its last session', async () => {
    let unused = 0;
    const log = new GroupLog(group, stored.store.streams, timers, () => unused++);
    const member = new Member().follow(log, 1, '');
    const [entry] = await append(1);
    assert.ok(entry);
    log.reserve();
    member.places.end(member.sink);
    log.offer(entry);
    for (let i = 0; i < 5; i++) await turn();
    assert.deepEqual([member.written, log.followers, unused], [[], 0, 0]);
    log.unreserve();
    assert.equal(unused, 1);
    log.end();
  });

  test('gets a new position when the store has lost entries that it had', async () => {
    const entries = await append(2);
    const [, newest] = entries;
    assert.ok(newest);
    const gone: Position = {
      ...(await stored.store.streams.position(stream)),
      top: 0 as Seq,
      topId: '' as MessageId,
    };
    const streams = Object.create(stored.store.streams) as Streams;
    Object.defineProperty(streams, 'kept', { value: { position: () => Promise.resolve(gone) } });
    streams.position = () => Promise.resolve(gone);
    const log = open(streams);
    const id = (await stored.store.streams.position(stream)).topId;
    const member = new Member().follow(log, newest.seq + 1, id);
    assert.equal(member.rests, true);
    await log.lookNow();
    await until('it is told', () => member.broken.length === 1);
    assert.deepEqual(member.broken, [newest.seq]);
    log.end();
  });

  test('a ring before a session follows makes the log read its top', async () => {
    const log = open();
    log.reserve();
    const [entry] = await append(1);
    assert.ok(entry);
    log.offer(entry);
    // The session read the log before the entry was there.
    const member = new Member().follow(log, 1, '');
    await until('it has the entry', () => {
      timers.pass(20);
      return member.written.length === 1;
    });
    log.end();
  });
});
