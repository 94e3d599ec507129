/**
 * One session on our own wire with a real store. The test provides its channel and the parts that it sends
 * by.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Channel, TimingWheel } from '@cim/channel';
import type { SendReceipt } from '@cim/delivery';
import {
  DEFAULT_DEVICE,
  cim,
  decodeFrame,
  type Epoch,
  FrameDecoder,
  groupStream,
  LOBBY,
  type MessageId,
  parseUserName,
  type ProducerId,
  type Seq,
  type StreamRef,
} from '@cim/protocol';
import { defaultLimits, silentLogger, silentObserver } from '@cim/runtime';
import type { GroupOperation } from '@cim/store';
import { until } from '@cim/testkit';
import { Stored } from '../../test/stored.ts';
import { GroupLogs } from '../subscriptions/group-logs.ts';
import { OwnSession } from './own-session.ts';
import { SendBudget } from './send-budget.ts';
import type { SessionParts } from './session-parts.ts';

let stored: Stored;
before(async () => {
  stored = await Stored.open();
});
after(() => stored[Symbol.asyncDispose]());

/** @param level level of the client */
function open(level = 0) {
  const frames: cim.Frame[] = [];
  const channel = {
    closed: undefined as string | undefined,
    send: (bytes: Uint8Array) => {
      new FrameDecoder(1024 * 1024).push(
        Buffer.from(bytes),
        (body) => {
          frames.push(decodeFrame(Uint8Array.from(body)));
          return true;
        },
        undefined,
      );
      return true;
    },
    close: (reason: string) => {
      channel.closed = reason;
    },
    pause: () => undefined,
    resume: () => undefined,
  };
  const budget = new SendBudget();
  const acked: [StreamRef['kind'], Seq][] = [];
  const sends: ((receipt: SendReceipt) => void)[] = [];
  const parts = {
    store: stored.store,
    sends: {
      send: (_: unknown, done: (receipt: SendReceipt) => void) => sends.push(done),
      answered: () => undefined,
    },
    calls: { delivered: () => undefined },
    acks: { add: (_: unknown, { kind }: StreamRef, { seq }: { seq: Seq }) => acked.push([kind, seq]) },
    groups: new GroupLogs(stored.store.streams, {
      want: () => Promise.resolve(),
      drop: () => undefined,
    }),
    instance: { serving: true, id: 'here' },
    budget,
    limits: { ...defaultLimits, send: undefined, sendTo: undefined, bytes: undefined },
    wheel: new TimingWheel(),
    logger: silentLogger(),
    observer: silentObserver,
    idleTimeoutMs: 30_000,
  };
  const user = { userId: stored.user, userName: 'reader', device: DEFAULT_DEVICE };
  const session = new OwnSession(
    user,
    1 as Epoch,
    channel as unknown as Channel,
    parts as unknown as SessionParts,
    level,
  );
  const resume = (...cursors: cim.Cursor.$Properties[]): void =>
    session.onFrame({ resume: { cursors } } as unknown as cim.Frame);
  const delivered = (): number[] =>
    frames.flatMap(({ deliver }) => deliver?.entries?.map(({ seq }) => seq ?? 0) ?? []);
  return { session, channel, frames, budget, acked, sends, parts, resume, delivered };
}

test('what was pushed between the claim and the resume is read once the inbox has resumed', async () => {
  const { session, resume, delivered, frames, parts } = open();
  const { streams } = parts.store;
  const real = streams.position.bind(streams);
  // The log is read before the entry is stored, and its push comes before the answer.
  const position = async (stream: StreamRef) => {
    const found = await real(stream);
    if (stream.kind === 'inbox') {
      await stored.append(stored.inbox, ['hello']);
      assert.equal(session.deliver(undefined, undefined), 'taken');
    }
    return found;
  };
  const slow = {
    position,
    read: streams.read.bind(streams),
    peek: streams.peek.bind(streams),
    cursor: streams.cursor.bind(streams),
    highestCursor: streams.highestCursor.bind(streams),
  };
  Object.assign(parts, { store: { streams: { ...slow, kept: slow } } });
  resume({ group: '', seq: 0, id: '' });
  await until('it is delivered', () => delivered().length === 1);
  assert.ok(frames.some(({ resumed }) => resumed));
  session.onClosed();
});

test('every answered send gives its part of the budget back, whatever the answer is', () => {
  const { session, sends, budget } = open();
  const content = cim.Content.encode({ texts: ['x'.repeat(8_000)] }).finish();
  const send = { to: stored.user, group: '', producer: 'P'.repeat(16), counter: 1, content };
  const answers: SendReceipt[] = [
    { outcome: 'gap', last: 0 },
    { outcome: 'retry', code: '9000' as never, text: '' },
  ];
  // More bytes than the budget has, one send after the other.
  for (let i = 0; i < 2_500; i++) {
    session.onFrame({ send } as unknown as cim.Frame);
    sends.pop()?.(answers[i % 2] as SendReceipt);
  }
  assert.equal(budget.spent, false);
});

test('the ack of a group is saved by the next pass, and when the channel closes', async () => {
  const { session, resume, frames, acked, delivered, parts } = open();
  const lobby = groupStream(LOBBY);
  const [first, second] = await stored.append(lobby, ['1', '2']);
  assert.ok(first && second);
  resume({ group: LOBBY, seq: first.seq - 1, id: first.prev || '-' });
  await until('both are delivered', () => delivered().length === 2);
  assert.ok(frames.length > 0);
  session.onFrame({ ack: { group: LOBBY, seq: second.seq, held: 0 } } as unknown as cim.Frame);
  assert.deepEqual(acked, []);
  const nothing = { first: 1 as Seq, top: 0 as Seq, topId: '' as MessageId };
  session.look(undefined, { ...nothing, shown: 0, shownSeq: 0 as Seq, shownAt: 0 });
  assert.deepEqual(acked, [['group', second.seq]]);
  const [third] = await stored.append(lobby, ['3']);
  assert.ok(third);
  parts.groups.lobby.offer(third);
  await until('the third is delivered', () => delivered().length === 3);
  session.onFrame({ ack: { group: LOBBY, seq: third.seq, held: 0 } } as unknown as cim.Frame);
  session.onClosed();
  assert.deepEqual(acked.at(-1), ['group', third.seq]);
  parts.groups.lobby.end();
});

test('the ack of the entry that ended a membership is saved, so the device does not get it again', async () => {
  const { session, acked, frames, parts } = open(1);
  const name = parseUserName('owner');
  assert.ok(name.ok);
  const { userId } = (await stored.store.accounts.register(name.name)).account;
  const sender = { userId, userName: 'owner' };
  const user = { userId: stored.user, userName: 'reader' };
  const group = await stored.store.groups.newId();
  const change = (operation: GroupOperation, body: object): Promise<unknown> =>
    new Promise((done) =>
      stored.store.streams.append(
        {
          ...{ stream: groupStream(group), sender, operation, counter: 0, digest: operation.kind },
          producer: 'P'.repeat(16) as ProducerId,
          content: cim.Content.encode({ type: 'member', body: Buffer.from(JSON.stringify(body)) }).finish(),
        },
        done,
      ),
    );
  await change({ kind: 'create', name: 'x', category: '', join: 'open', users: [user] }, { op: 'create' });
  await change({ kind: 'remove', user: stored.user }, { op: 'remove', users: [{ id: String(stored.user) }] });
  const cursors = [{ group: '', seq: 0, id: '-' }];
  session.onFrame({ resume: { cursors, groups: true } } as unknown as cim.Frame);
  const isLast = ({ deliver }: cim.Frame): boolean =>
    deliver?.group === group && deliver.entries?.at(-1)?.seq === 2;
  await until('the membership is delivered to its end', () => frames.some(isLast));
  const ack = (seq: number): void =>
    session.onFrame({ ack: { group, seq, held: 0 } } as unknown as cim.Frame);
  ack(1);
  assert.deepEqual(acked, []);
  ack(2);
  assert.deepEqual(acked, [['group', 2]]);
  session.onClosed();
  parts.groups.end();
});

test('a pong of the client is a sign of life and ends nothing; a body that only servers send ends the session', () => {
  const { session, frames, channel } = open();
  session.onFrame(cim.Frame.decode(cim.Frame.encode({ pong: {} }).finish()));
  assert.deepEqual([channel.closed, frames], [undefined, []]);
  session.onFrame(cim.Frame.decode(cim.Frame.encode({ welcome: {} }).finish()));
  assert.equal(channel.closed, 'protocol-error');
});
