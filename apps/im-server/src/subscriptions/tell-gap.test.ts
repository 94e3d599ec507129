import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type GroupId,
  groupStream,
  inboxOf,
  type MessageId,
  type ProducerId,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import type { Entry, Streams } from '@cim/store';
import { until } from '@cim/testkit';
import { FakeTimers } from '../../test/fake-timers.ts';
import { Feed } from './feed.ts';
import type { FeedSink } from './feed-sink.ts';
import { GroupLog } from './group-log.ts';

const entry = (seq: number): Entry => ({
  seq: seq as Seq,
  n: 1,
  prev: (seq === 1 ? '' : `7:producer:${seq - 1}`) as MessageId,
  storedAt: 1,
  sender: { userId: 7 as UserId, userName: 'seven' },
  producer: 'producer' as ProducerId,
  counter: seq,
  content: Buffer.from([10, 1, 120]),
});

/** A log of 20 entries without 5 to 9, which claims to keep all entries from `first` on. */
const gapped = (first: number): Streams => {
  const position = () => Promise.resolve({ first, top: 20, topId: '7:producer:20' });
  const there = Array.from({ length: 20 }, (_, i) => entry(i + 1)).filter(({ seq }) => seq < 5 || seq > 9);
  const read = (_: StreamRef, from: Seq, limit: number) =>
    Promise.resolve(there.filter(({ seq }) => seq >= from).slice(0, limit));
  return { read, position, kept: { position } } as unknown as Streams;
};

function sink() {
  const seen: string[] = [];
  const of: FeedSink = {
    acknowledged: () => undefined,
    ready: () => true,
    userId: 1 as UserId,
    signal: () => undefined,
    woken: () => assert.fail('nothing rests here'),
    write: (_, { seq }) => seen.push(String(seq)),
    writeShared: (_, { entries }) => entries.forEach(({ seq }) => seen.push(String(seq))),
    expired: (_, from, to) => seen.push(`expired ${from} to ${to}`),
    lost: (_, from, top) => seen.push(`lost before ${from} of ${top}`),
    broken: (_, event) => seen.push(event),
    passed: () => undefined,
    now: () => 1,
  };
  return { seen, of };
}

const told = (gap: string): string[] => [
  ...['3', '4', gap],
  ...Array.from({ length: 11 }, (_, i) => String(i + 10)),
];

for (const [first, gap] of [
  [1, 'lost before 10 of 20'],
  [10, 'expired 5 to 9'],
] as const) {
  test(`a log that keeps all from ${first} on, and has none from 5 to 9: "${gap}", in an inbox`, async () => {
    const { seen, of } = sink();
    const feed = new Feed(inboxOf(1 as UserId), 3 as Seq, gapped(first), of, '7:producer:2' as MessageId);
    feed.wake();
    await until('all has come', () => seen.at(-1) === '20');
    assert.deepEqual(seen, told(gap));
  });

  test(`the same in a group`, async () => {
    const { seen, of } = sink();
    const timers = new FakeTimers();
    const log = new GroupLog('a-group' as GroupId, gapped(first), timers);
    assert.deepEqual(log.stream, groupStream('a-group' as GroupId));
    // Another session is at the end already, so this one reads for itself.
    log.follow(21 as Seq, '7:producer:20' as MessageId, sink().of);
    log.follow(3 as Seq, '7:producer:2' as MessageId, of).resume();
    // As after a long absence, a trimmed group is given a new position.
    const trimmed = first === 10;
    await until('all has come', () => seen.at(-1) === (trimmed ? 'stream.trimmed' : '20'));
    assert.deepEqual(seen, trimmed ? ['3', '4', 'stream.trimmed'] : told(gap));
    log.end();
  });
}
