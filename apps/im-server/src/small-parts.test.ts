/** Tests of small parts whose faults only a long fault run would show. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CIM_DEVICE,
  type Epoch,
  type GroupId,
  groupStream,
  type InstanceId,
  inboxOf,
  type MessageId,
  type ProducerId,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import type { Entry, Streams } from '@cim/store';
import { FakeTimers } from '../test/fake-timers.ts';
import { AckBatch } from './subscriptions/ack-batch.ts';
import { DirtyWatch } from './recovery/dirty-watch.ts';
import { GroupFeed } from './subscriptions/group-feed.ts';
import { Instance, type InstanceParts } from './recovery/instance.ts';
import type { Session } from './sessions/session.ts';
import { SessionRegistry } from './sessions/session-registry.ts';
import { SharedPiece } from './subscriptions/shared-piece.ts';

const user = 7 as UserId;

test('an instance serves until 5 s before its lease can lapse, counted from when it asked, and not longer', async () => {
  let now = 1_000;
  const sessions = {
    openLease: () => {
      now += 400; // the store takes a while to answer
      return Promise.resolve();
    },
    closeLease: () => Promise.resolve(),
  } as unknown as InstanceParts['sessions'];
  const parts = { sessions, registry: new SessionRegistry(), logger: silentLogger(), leaseMs: 30_000 };
  const instance = new Instance({ ...parts, onRenamed: () => {}, onServing: () => {}, now: () => now });
  assert.equal(instance.serving, false);
  await instance.start();
  assert.equal(instance.serving, true);
  now = 1_000 + 24_999;
  assert.equal(instance.serving, true);
  now = 1_000 + 25_000;
  assert.equal(instance.serving, false);
  await instance.stop();
});

test('of two sessions of a device the registry keeps the one with the newer epoch, in either order', () => {
  const registry = new SessionRegistry();
  const session = (epoch: number) => {
    const closed: string[] = [];
    const of = {
      userId: user,
      device: CIM_DEVICE,
      epoch: epoch as Epoch,
      close: (reason: string) => closed.push(reason),
    };
    return { of: of as unknown as Session, closed };
  };
  const [first, newer, late] = [session(1), session(3), session(2)];
  assert.equal(registry.add(first.of), true);
  assert.equal(registry.add(newer.of), true);
  assert.deepEqual(first.closed, ['superseded']);
  assert.equal(registry.add(late.of), false);
  assert.deepEqual(registry.of(user), [newer.of]);
  assert.deepEqual(newer.closed, []);
});

test('of several acks of one stream the newest is written', async () => {
  const written: number[] = [];
  const streams = {
    ack: (acks: Parameters<Streams['ack']>[0]) => {
      written.push(...acks.map(({ cursor }) => cursor.seq));
      return Promise.resolve();
    },
  } as unknown as Streams;
  const acks = new AckBatch(streams, silentLogger());
  const session = { userId: user, device: CIM_DEVICE, epoch: 1 as Epoch };
  for (const seq of [1, 2, 5]) acks.add(session, inboxOf(user), { seq: seq as Seq, id: 'id' as MessageId });
  await acks.flush();
  assert.deepEqual(written, [5]);
});

test('a stream that was noted for this server is read by its session, and a group by its log', async () => {
  const group = '17' as GroupId;
  let looks = 0;
  const lookNow = (): Promise<void> => {
    looks++;
    return Promise.resolve();
  };
  const registry = new SessionRegistry();
  let woken = 0;
  const deliver = (entry: Entry | undefined): 'taken' => {
    assert.equal(entry, undefined);
    woken++;
    return 'taken';
  };
  registry.add({ userId: user, epoch: 1 as Epoch, deliver } as unknown as Session);
  const noted: StreamRef[] = [
    inboxOf(8 as UserId),
    inboxOf(user),
    groupStream(group),
    groupStream('18' as GroupId),
  ];
  const watch = new DirtyWatch({
    streams: {
      takeDirty: (at: InstanceId) => {
        assert.equal(at, 'here');
        return Promise.resolve(noted.splice(0));
      },
    } as unknown as Streams,
    registry,
    instance: { id: 'here' } as unknown as Instance,
    groups: {
      lobby: { lookNow: () => Promise.resolve() },
      find: (of: GroupId) => (of === group ? { lookNow } : undefined),
    } as never,
  });
  await watch.look();
  assert.deepEqual([woken, looks], [1, 1]);
  await watch.look();
  assert.equal(woken, 1);
});

test('a member of a group gets at most 256 KiB that it has not acked', () => {
  const group = 'a-group' as GroupId;
  const pieces = Array.from({ length: 10 }, (_, i) => {
    const seq = i + 1;
    return new SharedPiece(group, {
      seq: seq as Seq,
      n: 1,
      prev: (i === 0 ? '' : `7:p:${i}`) as MessageId,
      storedAt: 1,
      sender: { userId: user, userName: 'seven' },
      producer: 'p' as ProducerId,
      counter: seq,
      content: Buffer.alloc(60_000),
    });
  });
  const written: number[] = [];
  const log = {
    group,
    stream: groupStream(group),
    top: 10 as Seq,
    topId: '7:p:10' as MessageId,
    piece: (seq: number) => pieces[seq - 1],
    lookNow: () => Promise.resolve(),
    restingAt: () => ({ seq: 0 as Seq, id: '' as MessageId }),
    leave: () => undefined,
    rest: () => false,
  };
  const sink = {
    ready: () => true,
    now: () => 1,
    acknowledged: () => undefined,
    writeShared: (_: unknown, piece: SharedPiece) => written.push(piece.to),
  } as never;
  const feed = new GroupFeed(log, 1 as Seq, '' as MessageId, sink, {} as Streams, new FakeTimers());
  feed.resume();
  assert.deepEqual(written, [1, 2, 3, 4, 5]);
  feed.ack(1 as Seq);
  assert.deepEqual(written, [1, 2, 3, 4, 5, 6]);
  feed.end();
});
