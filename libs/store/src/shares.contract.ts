/** The number of entries of one sender that may wait for a recipient. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CIM_DEVICE, type Epoch, inboxOf, messageId, type NamedUser, type Seq } from '@cim/protocol';
import fc from 'fast-check';
import {
  append,
  appendOk,
  logIn,
  newPair,
  newServer,
  newUser,
  type OpenedStore,
  type OpenStore,
  Sends,
} from '../test/contract-fixture.ts';
import type { Store } from './store.ts';
import { RETENTION } from './streams.ts';

const SHARE = 8;

export function sharesContract(open: OpenStore): void {
  describe('the share of one sender in an inbox', () => {
    let opened: OpenedStore;
    let store: Store;
    before(async () => {
      opened = await open({ limits: { ...RETENTION, inboxShare: SHARE } });
      store = opened.store;
    });
    after(() => opened.close());

    const send = async (sends: Sends, from: number, to: number): Promise<string[]> => {
      const counters = Array.from({ length: to - from + 1 }, (_, i) => from + i);
      const answers = await Promise.all(counters.map((counter) => append(store, sends.item(counter))));
      return answers.map(({ outcome }) => outcome);
    };
    /** Logs the user in. Answers a function that acks its inbox. */
    const acking = async (user: NamedUser): Promise<(seq: number) => Promise<void>> => {
      const epoch: Epoch = await logIn(store, user, await newServer(store));
      const stream = inboxOf(user.userId);
      return async (seq) => {
        const [entry] = await store.streams.read(stream, seq as Seq, 1);
        assert.ok(entry);
        const { sender, producer, counter } = entry;
        const cursor = { seq: seq as Seq, id: messageId(sender.userId, producer, counter) };
        await store.streams.ack([{ user: user.userId, device: CIM_DEVICE, epoch, stream, cursor }]);
      };
    };

    test('a sender whose share waits is refused, others are not, and acks make room', async () => {
      const { sends, to, inbox } = await newPair(store);
      const other = new Sends(inbox, await newUser(store));
      for (let counter = 1; counter <= SHARE; counter++) await appendOk(store, sends.item(counter));
      assert.deepEqual(await append(store, sends.item(SHARE + 1)), { outcome: 'share' });
      assert.deepEqual(await append(store, sends.item(0)), { outcome: 'share' });
      assert.deepEqual(await append(store, sends.item(SHARE)), { outcome: 'duplicate', seq: SHARE });
      await appendOk(store, other.item(1));
      const ack = await acking(to);
      await ack(3);
      assert.deepEqual(await send(sends, SHARE + 1, SHARE + 4), ['ok', 'ok', 'ok', 'share']);
    });

    test('a send that a share leaves no room for may be sent again, under its number', async () => {
      const { sends, to } = await newPair(store);
      await send(sends, 1, SHARE);
      const next = { ...sends.item(SHARE + 1), again: true };
      assert.deepEqual(await append(store, next), { outcome: 'share' });
      assert.deepEqual(await append(store, next), { outcome: 'share' });
      const ack = await acking(to);
      await ack(1);
      await appendOk(store, next);
    });

    test('all sends of one turn are counted', async () => {
      const { sends, inbox } = await newPair(store);
      const other = new Sends(inbox, await newUser(store));
      const [first, second] = await Promise.all([send(sends, 1, 3 * SHARE), send(other, 1, 3 * SHARE)]);
      for (const outcomes of [first, second])
        assert.equal(outcomes.filter((outcome) => outcome === 'ok').length, SHARE);
    });

    test('copies of the recipient’s own messages, and messages to itself, count for no sender', async () => {
      const { sends, to, inbox } = await newPair(store);
      await send(sends, 1, SHARE - 1);
      await send(new Sends(inboxOf(sends.sender.userId), to), 1, SHARE);
      assert.deepEqual(new Set(await send(new Sends(inbox, to), 1, 3 * SHARE)), new Set(['ok']));
      assert.deepEqual(await send(sends, SHARE, SHARE + 1), ['ok', 'share']);
    });

    test('the count survives a restart', async () => {
      const { sends } = await newPair(store);
      await send(sends, 1, SHARE);
      store = await opened.reopen();
      assert.deepEqual(await append(store, sends.item(SHARE + 1)), { outcome: 'share' });
    });

    test('after random sends and acks a sender is refused exactly while its share waits', async () => {
      const step = fc.oneof(
        { weight: 6, arbitrary: fc.record({ by: fc.nat(2), count: fc.integer({ min: 1, max: 5 }) }) },
        { weight: 3, arbitrary: fc.record({ ackOf: fc.double({ min: 0, max: 1, noNaN: true }) }) },
        { weight: 1, arbitrary: fc.constantFrom('copy' as const, 'self' as const) },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
          const to = await newUser(store);
          const inbox = inboxOf(to.userId);
          const senders = await Promise.all(
            [0, 1, 2].map(async () => new Sends(inbox, await newUser(store))),
          );
          const counters = [0, 0, 0];
          const self = new Sends(inbox, to);
          const away = new Sends(inboxOf((await newUser(store)).userId), to);
          const ack = await acking(to);
          /** The sender of each entry; -1: the recipient itself. */
          const log: number[] = [];
          let acked = 0;
          let own = 0;
          let sent = 0;
          for (const one of steps) {
            if (one === 'copy') {
              await appendOk(store, away.item(++sent));
              log.push(-1);
            } else if (one === 'self') {
              await appendOk(store, self.item(++own));
              log.push(-1);
            } else if ('ackOf' in one) {
              const seq = Math.floor(one.ackOf * log.length);
              if (seq > acked) await ack((acked = seq));
            } else {
              const sends = senders[one.by];
              assert.ok(sends);
              const from = counters[one.by] ?? 0;
              const outcomes = await send(sends, from + 1, from + one.count);
              const waiting = log.slice(acked).filter((by) => by === one.by).length;
              const room = Math.max(0, SHARE - waiting);
              const ok = Math.min(room, one.count);
              assert.equal(outcomes.filter((outcome) => outcome === 'ok').length, ok, String(outcomes));
              assert.ok(ok === one.count || outcomes[ok] === 'share', String(outcomes));
              counters[one.by] = from + ok;
              for (let i = 0; i < ok; i++) log.push(one.by);
            }
          }
        }),
        { numRuns: 25 },
      );
    });
  });
}
