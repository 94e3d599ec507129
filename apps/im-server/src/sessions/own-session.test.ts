import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { Channel, TimingWheel, TurnFlusher } from '@cim/channel';
import type { SendRequest } from '@cim/delivery';
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

const BIG = 45_000;

/** A session whose client reads its receipts when the test says so. Sends are answered at once, but big ones wait. */
class Reluctant {
  readonly socket: Duplex;
  readonly channel: Channel;
  /** Answers of the big sends. */
  readonly waiting: (() => void)[] = [];
  came = 0;
  #taken: (() => void) | undefined;

  constructor() {
    this.socket = new Duplex({
      read: () => undefined,
      // The kernel takes no more bytes until the client reads.
      write: (_bytes, _encoding, done) => (this.#taken = done),
    });
    const parts = {
      sends: {
        send: ({ content }: SendRequest, done: (receipt: object) => void) => {
          const seq = ++this.came;
          const answer = (): void => done({ outcome: 'stored', seq, online: 'yes' });
          if (content.length < BIG) answer();
          else this.waiting.push(answer);
        },
      },
      instance: { serving: true },
      budget: new SendBudget(),
      limits: defaultLimits,
      wheel: new TimingWheel(),
      observer: silentObserver,
      logger: silentLogger(),
    } as unknown as SessionParts;
    this.channel = new Channel(this.socket, {
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
    const user = { userId: 5 as UserId, userName: 'eve', device: DEFAULT_DEVICE };
    const session = new OwnSession(user, 1 as Epoch, this.channel, parts);
  }

  says(counter: number, text = 'hello'): void {
    const content = cim.Content.encode({ texts: [text] }).finish();
    const send = { to: 7, producer: 'A'.repeat(16), counter, content };
    this.socket.push(encodeFrame(cim.Frame, { send }));
  }

  /** The client reads what the kernel has. */
  reads(): void {
    const done = this.#taken;
    this.#taken = undefined;
    done?.();
  }

  /** The client reads until something is reached, or for many turns. */
  async readsOn(reached: () => boolean): Promise<void> {
    for (let i = 0; i < 20_000 && !reached(); i++) {
      this.reads();
      await turn();
    }
  }
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await turn();
};

test('the server reads nothing from a client that does not read its receipts, until it reads them', async () => {
  const eve = new Reluctant();
  const TOTAL = 2_000;
  for (let counter = 1; counter <= TOTAL; counter++) eve.says(counter);
  await turns();
  const before = eve.came;
  assert.ok(before > 10 && before < TOTAL, `${before} were read`);
  assert.equal(eve.channel.closed, undefined);
  await eve.readsOn(() => eve.came === TOTAL);
  assert.deepEqual([eve.came, eve.channel.closed], [TOTAL, undefined]);
  eve.socket.destroy();
});

test('a client that has read its receipts is read again, also when many of its sends waited for the store then', async () => {
  const eve = new Reluctant();
  const TOTAL = 1_000;
  // Together more than half of what may wait, and less than all of it.
  for (let counter = 1; counter <= 4; counter++) eve.says(counter, 'x'.repeat(BIG));
  for (let counter = 5; counter <= TOTAL; counter++) eve.says(counter);
  await turns();
  const before = eve.came;
  assert.ok(eve.waiting.length === 4 && before < TOTAL, `${before} were read`);
  eve.reads();
  await turns();
  for (const answer of eve.waiting) answer();
  await eve.readsOn(() => eve.came === TOTAL);
  assert.deepEqual([eve.came, eve.channel.closed], [TOTAL, undefined]);
  eve.socket.destroy();
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
