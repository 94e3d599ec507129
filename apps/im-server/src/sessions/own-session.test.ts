import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { Channel, TimingWheel, TurnFlusher } from '@cim/channel';
import {
  DEFAULT_DEVICE,
  cim,
  decodeFrame,
  encodeFrame,
  type Epoch,
  FrameDecoder,
  groupStream,
  LOBBY,
  type UserId,
} from '@cim/protocol';
import { defaultLimits, silentLogger, silentObserver } from '@cim/runtime';
import { until } from '@cim/testkit';
import { Stored } from '../../test/stored.ts';
import { GroupLog } from '../subscriptions/group-log.ts';
import { OwnSession } from './own-session.ts';
import { SendBudget } from './send-budget.ts';
import type { SessionParts } from './session-parts.ts';

test('the server reads nothing from a client that does not read its receipts, until it reads them', async () => {
  const content = cim.Content.encode({ texts: ['hello'] }).finish();
  let taken: (() => void) | undefined;
  const socket = new Duplex({
    read: () => undefined,
    // The kernel takes no more bytes until the client reads.
    write: (_bytes, _encoding, done) => (taken = done),
  });
  let sends = 0;
  const parts = {
    sends: {
      send: (_request: unknown, done: (receipt: object) => void) => {
        sends++;
        done({ outcome: 'stored', seq: sends, online: 'yes' });
      },
    },
    instance: { serving: true },
    budget: new SendBudget(),
    limits: defaultLimits,
    wheel: new TimingWheel(),
    observer: silentObserver,
    logger: silentLogger(),
  } as unknown as SessionParts;
  const channel = new Channel(socket, {
    limit: 64 * 1024,
    flusher: new TurnFlusher(),
    events: {
      onFrame: (body) => session.onFrame(decodeFrame(body)),
      onClose: () => undefined,
      onDrain: () => session.onDrain(),
    },
    outboxSoftBytes: 4_000,
    outboxHardBytes: 8_000,
  });
  const session = new OwnSession(
    { userId: 5 as UserId, userName: 'eve', device: DEFAULT_DEVICE },
    1 as Epoch,
    channel,
    parts,
  );
  const TOTAL = 2_000;
  for (let counter = 1; counter <= TOTAL; counter++)
    socket.push(encodeFrame(cim.Frame, { send: { to: 7, producer: 'A'.repeat(16), counter, content } }));
  for (let i = 0; i < 50; i++) await turn();
  const before = sends;
  assert.ok(before > 10 && before < TOTAL, `${before} were read`);
  assert.equal(channel.closed, undefined);
  for (let i = 0; i < 20_000 && sends < TOTAL; i++) {
    const done = taken;
    taken = undefined;
    done?.();
    await turn();
  }
  assert.deepEqual([sends, channel.closed], [TOTAL, undefined]);
  socket.destroy();
});

test('entries that a client holds are not sent again, in its inbox and in a group', async () => {
  await using stored = await Stored.open();
  await stored.append(stored.inbox, ['to the inbox']);
  await stored.append(groupStream(LOBBY), ['to the lobby']);
  let now = 1_000;
  const wheel = {
    get time() {
      return now;
    },
    schedule: () => undefined,
    cancel: () => undefined,
  };
  const received: cim.Frame[] = [];
  const decoder = new FrameDecoder(1 << 20);
  const socket = new Duplex({
    read: () => undefined,
    write: (bytes: Buffer, _encoding, done) => {
      decoder.push(bytes, (body) => {
        received.push(decodeFrame(body));
        return true;
      });
      done();
    },
  });
  const lobby = new GroupLog(LOBBY, stored.store.streams);
  const parts = {
    store: stored.store,
    groups: { lobby, find: () => undefined },
    instance: { serving: true },
    budget: new SendBudget(),
    limits: defaultLimits,
    wheel,
    logger: silentLogger(),
    observer: silentObserver,
    acks: { add: () => undefined },
    calls: { delivered: () => undefined },
  } as unknown as SessionParts;
  const events = { onFrame: () => undefined, onClose: () => undefined };
  const channel = new Channel(socket, { limit: 4_096, flusher: new TurnFlusher(), events });
  const user = { userId: stored.user, userName: 'reader', device: DEFAULT_DEVICE };
  const session = new OwnSession(user, 1 as Epoch, channel, parts);
  const deliveries = (): string[] =>
    received.flatMap(({ deliver }) => (deliver ? [`${deliver.group}:${deliver.entries?.length ?? 0}`] : []));
  const frame = (properties: cim.Frame.$Properties): void =>
    session.onFrame(decodeFrame(encodeFrame(cim.Frame, properties).subarray(1)));
  frame({
    resume: {
      cursors: [
        { seq: 0, id: '-' },
        { group: LOBBY, seq: 0, id: '-' },
      ],
    },
  });
  await until('both have come', () => deliveries().length === 2);
  frame({ ack: { held: 1 } });
  frame({ ack: { group: LOBBY, held: 1 } });
  for (let i = 0; i < 10; i++) {
    now += 60_000;
    session.onTimeout();
    for (let k = 0; k < 20; k++) await turn();
  }
  assert.deepEqual(deliveries().sort(), [':1', `${LOBBY}:1`]);
  assert.equal(channel.closed, undefined);
  session.onClosed();
  lobby.end();
  socket.destroy();
});
