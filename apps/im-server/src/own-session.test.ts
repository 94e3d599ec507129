import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { Channel, TimingWheel, TurnFlusher } from '@cim/channel';
import { cim, decodeFrame, encodeFrame, type Epoch, type UserId } from '@cim/protocol';
import { OwnSession } from './own-session.ts';
import { SendBudget } from './send-budget.ts';
import type { SessionParts } from './session-parts.ts';

test('a client that sends and does not read its receipts is not read either, until it reads them', async () => {
  const content = cim.Content.encode({ texts: ['hello'] }).finish();
  let taken: (() => void) | undefined;
  const socket = new Duplex({
    read: () => undefined,
    // The kernel takes nothing more until the client reads.
    write: (_bytes, _encoding, done) => (taken = done),
  });
  let sends = 0;
  const parts = {
    dispatcher: {
      send: (_request: unknown, done: (receipt: object) => void) => {
        sends++;
        done({ outcome: 'stored', seq: sends, online: 'yes' });
      },
    },
    instance: { serving: true },
    budget: new SendBudget(),
    wheel: new TimingWheel(),
    observer: { sendAnswered: () => undefined },
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
  const session = new OwnSession({ userId: 5 as UserId, userName: 'eve' }, 1 as Epoch, channel, parts);
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
