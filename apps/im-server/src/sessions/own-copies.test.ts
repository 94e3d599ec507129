/**
 * The copy of a sent private message in the sender's timeline. The receipt delivers it, or it comes as an
 * entry.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Channel, TimingWheel } from '@cim/channel';
import type { SendReceipt } from '@cim/delivery';
import {
  cim,
  copyProducer,
  decodeFrame,
  DEFAULT_DEVICE,
  type Epoch,
  type MessageId,
  messageId,
  type ProducerId,
  type Seq,
  type UserId,
} from '@cim/protocol';
import { defaultLimits, silentLogger, silentObserver } from '@cim/runtime';
import type { Entry, Position, Streams } from '@cim/store';
import { until } from '@cim/testkit';
import { OwnSession } from './own-session.ts';
import { SendBudget } from './send-budget.ts';
import type { SessionParts } from './session-parts.ts';

const ME = 5 as UserId;
const PEER = 7 as UserId;
const PRODUCER = 'P'.repeat(16) as ProducerId;
const COPY = copyProducer(PRODUCER, PEER);
const content = cim.Content.encode({ texts: ['hello'] }).finish();

const entryOf = (
  seq: number,
  prev: string,
  sender: UserId,
  producer: ProducerId,
  counter: number,
): Entry => ({
  seq: seq as Seq,
  prev: prev as MessageId,
  storedAt: 1,
  n: 0,
  sender: { userId: sender, userName: 'somebody' },
  producer,
  counter,
  content,
});
const idOf = ({ sender, producer, counter }: Entry) => messageId(sender.userId, producer, counter);

/** A session with `log` as its timeline, and the frames that it got. */
async function open(level: number, log: Entry[] = []) {
  const frames: cim.Frame[] = [];
  const channel = {
    closed: undefined as string | undefined,
    send: (bytes: Uint8Array) => {
      for (let at = 0; at < bytes.length; ) {
        const { length } = bytes;
        let [size, shift] = [0, 0];
        for (;;) {
          const byte = bytes[at++] ?? 0;
          size += (byte & 127) << shift;
          shift += 7;
          if (byte < 128) break;
        }
        frames.push(decodeFrame(bytes.subarray(at, Math.min(at + size, length))));
        at += size;
      }
      return true;
    },
    close: (reason: string) => (channel.closed = reason),
    pause: () => undefined,
    resume: () => undefined,
  };
  const position = (): Promise<Position> => {
    const newest = log.at(-1);
    const topId = newest === undefined ? ('' as MessageId) : idOf(newest);
    const top = newest?.seq ?? (0 as Seq);
    return Promise.resolve({ first: 1 as Seq, top, topId, shown: 0, shownSeq: 0 as Seq, shownAt: 0 });
  };
  let reads = 0;
  const streams = {
    position,
    cursor: () => Promise.resolve(undefined),
    highestCursor: () => Promise.resolve(undefined),
    peek: () => Promise.resolve(undefined),
    read: (_: unknown, from: Seq) => {
      reads++;
      return Promise.resolve(log.filter(({ seq }) => seq >= from));
    },
  };
  const told: unknown[] = [];
  const acked: number[] = [];
  const answers: ((receipt: SendReceipt) => void)[] = [];
  const parts = {
    store: { streams: { ...streams, kept: streams } as unknown as Streams },
    sends: { send: (_: unknown, done: (receipt: SendReceipt) => void) => answers.push(done) },
    calls: { delivered: (notice: unknown) => told.push(notice) },
    acks: { add: (_: unknown, __: unknown, { seq }: { seq: Seq }) => acked.push(seq) },
    instance: { serving: true, id: 'here' },
    budget: new SendBudget(),
    limits: defaultLimits,
    wheel: new TimingWheel(),
    logger: silentLogger(),
    observer: silentObserver,
    idleTimeoutMs: 30_000,
  };
  const user = { userId: ME, userName: 'me', device: DEFAULT_DEVICE };
  const session = new OwnSession(
    user,
    1 as Epoch,
    channel as unknown as Channel,
    parts as unknown as SessionParts,
    level,
  );
  session.onFrame({ resume: { cursors: [{ group: '', seq: 0, id: '-' }] } } as unknown as cim.Frame);
  await until('it has resumed', () => frames.some(({ resumed }) => resumed));
  const send = (counter: number): void =>
    session.onFrame({
      send: { to: PEER, group: '', producer: PRODUCER, counter, content },
    } as unknown as cim.Frame);
  const stored = (copy: Entry | undefined, i = 0): void => {
    answers.splice(i, 1)[0]?.({
      outcome: 'stored',
      seq: 9 as Seq,
      online: true,
      n: 3,
      storedAt: copy === undefined ? 0 : 1,
      copy: copy && { seq: copy.seq, prev: copy.prev, storedAt: 1, n: 0 },
    });
  };
  const ack = (seq: number) => session.onFrame({ ack: { group: '', seq, held: 0 } } as unknown as cim.Frame);
  const copies = () => frames.flatMap(({ receipt }) => (receipt ? [receipt.copy] : []));
  const delivered = () => frames.flatMap(({ deliver }) => (deliver?.entries ?? []) as cim.Entry[]);
  return {
    session,
    channel,
    frames,
    send,
    stored,
    ack,
    copies,
    delivered,
    told,
    acked,
    log,
    reads: () => reads,
  };
}

test('an entry that came too early goes out behind the receipt that delivers the copy before it', async () => {
  const it = await open(1);
  const own = entryOf(1, '', ME, COPY, 1);
  it.send(1);
  it.session.deliver(entryOf(2, idOf(own), PEER, PRODUCER, 1), undefined);
  it.stored(own);
  const order = it.frames.flatMap(({ receipt, deliver }) =>
    receipt ? [`copy ${receipt.copy}`] : deliver ? [`entry ${deliver.entries?.[0]?.seq}`] : [],
  );
  assert.deepEqual(order, ['copy 1', 'entry 2']);
});

test('a receipt delivers the copy to a session that stands right before it, and nothing is written or read', async () => {
  const it = await open(1);
  const first = entryOf(1, '', ME, COPY, 1);
  it.send(1);
  it.stored(first);
  assert.deepEqual([it.copies(), it.delivered(), it.reads()], [[1], [], 0]);
  // The next entry follows the copy.
  const received = entryOf(2, idOf(first), PEER, PRODUCER, 1);
  it.session.deliver(received, undefined);
  assert.deepEqual(
    it.delivered().map(({ seq }) => seq),
    [2],
  );
  it.ack(2);
  assert.deepEqual(it.acked, [2]);
  assert.equal(it.told.length, 1, 'its own user is told of nothing');
  it.session.onClosed();
});

test('an ack of copies alone is stored, and they are not sent again', async () => {
  const it = await open(1);
  const first = entryOf(1, '', ME, COPY, 1);
  const second = entryOf(2, idOf(first), ME, COPY, 2);
  for (const [i, copy] of [first, second].entries()) {
    it.send(i + 1);
    it.stored(copy);
  }
  it.session.onTimeout();
  assert.deepEqual([it.copies(), it.delivered()], [[1, 2], []]);
  it.ack(2);
  assert.deepEqual([it.acked, it.told, it.channel.closed], [[2], [], undefined]);
  it.session.onClosed();
});

test('a copy that is not the next entry of the session comes as an entry, in order', async () => {
  const it = await open(1);
  const first = entryOf(1, '', ME, COPY, 1);
  const second = entryOf(2, idOf(first), ME, copyProducer(PRODUCER, 8 as UserId), 1);
  it.send(1);
  it.send(2);
  // The stores of two recipients answer in any order.
  it.stored({ ...second, producer: COPY, counter: 2 }, 1);
  assert.deepEqual([it.copies(), it.delivered()], [[0], []]);
  it.stored(first);
  assert.deepEqual(it.copies(), [0, 1]);
  assert.deepEqual(
    it.delivered().map(({ seq }) => seq),
    [2],
  );
  it.session.onClosed();
});

test('a client of level 0 gets every copy as an entry that it passes over', async () => {
  const it = await open(0);
  it.send(1);
  it.stored(entryOf(1, '', ME, COPY, 1));
  assert.deepEqual(it.copies(), [0]);
  const [entry] = it.delivered();
  assert.deepEqual([entry?.seq, Buffer.from(entry?.content ?? [])], [1, Buffer.from([7])]);
  it.session.onClosed();
});

test('after a send that was stored before, the copy is looked for in the log', async () => {
  const it = await open(1);
  it.log.push(entryOf(1, '', ME, COPY, 1));
  it.send(1);
  it.stored(undefined);
  await until('the copy comes', () => it.delivered().length === 1);
  assert.deepEqual(it.copies(), [0]);
  it.session.onClosed();
});
