import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import {
  CIM_DEVICE,
  type Epoch,
  groupStream,
  type GroupId,
  inboxOf,
  messageId,
  type Seq,
} from '@cim/protocol';
import { until } from '@cim/testkit';
import {
  AWKWARD_NAMES,
  append,
  appendOk,
  logIn,
  NOBODY,
  newPair,
  newProducer,
  newServer,
  newUser,
  type OpenedStore,
  type OpenStore,
  readAll,
  Sends,
} from '../test/contract-fixture.ts';
import { ends, plain } from '../test/stored.ts';
import type { Store } from './store.ts';
import { type AppendAnswer, RETENTION } from './streams.ts';

const newGroup = () => groupStream(`g-${randomBytes(9).toString('base64url')}` as GroupId);

export function streamsContract(open: OpenStore): void {
  describe('streams', () => {
    let opened: OpenedStore;
    let store: Store;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    test('a stream that was never written is empty', async () => {
      const { userId } = await newUser(store);
      for (const stream of [inboxOf(userId), newGroup()]) {
        assert.deepEqual(ends(await store.streams.position(stream)), { first: 1, top: 0, topId: '' });
        assert.deepEqual(await store.streams.read(stream, 1 as Seq, 10), []);
        assert.equal(await store.streams.cursor(userId, CIM_DEVICE, stream), undefined);
        assert.deepEqual(await store.streams.counters(userId, [{ stream, producer: newProducer() }]), [0]);
      }
      assert.deepEqual(await store.streams.counters(userId, []), []);
    });

    describe('append', () => {
      test('numbers entries from 1, each with the id of the one before, and reads them unchanged', async () => {
        const sender = await newUser(store);
        for (const stream of [inboxOf((await newUser(store)).userId), newGroup()]) {
          const sends = new Sends(stream, sender);
          const earliest = Date.now() - 60_000;
          const first = await append(store, sends.item(1));
          const second = await append(store, sends.item(2));
          assert.ok(first.outcome === 'ok' && second.outcome === 'ok');
          assert.deepEqual([first.seq, second.seq], [1, 2]);
          const id = messageId(sender.userId, sends.producer, 1);
          assert.deepEqual([first.prev, second.prev], ['', id]);
          assert.ok(first.storedAt > earliest && second.storedAt >= first.storedAt);

          const entries = await store.streams.read(stream, 1 as Seq, 10);
          const { producer } = sends;
          assert.deepEqual(entries.map(plain), [
            {
              ...{ seq: 1, prev: '', storedAt: first.storedAt, n: first.n },
              ...{ sender, producer, counter: 1, content: 'text 1' },
            },
            {
              ...{ seq: 2, prev: id, storedAt: second.storedAt, n: second.n },
              ...{ sender, producer, counter: 2, content: 'text 2' },
            },
          ]);
          const topId = messageId(sender.userId, producer, 2);
          assert.deepEqual(ends(await store.streams.position(stream)), { first: 1, top: 2, topId });
        }
      });

      test('answers on a later turn, once', async () => {
        const { sends } = await newPair(store);
        const answers: AppendAnswer[] = [];
        await new Promise<void>((resolve) => {
          store.streams.append(sends.item(1), (answer) => {
            answers.push(answer);
            resolve();
          });
          assert.equal(answers.length, 0);
        });
        await appendOk(store, sends.item(2));
        assert.deepEqual(
          answers.map((answer) => answer.outcome),
          ['ok'],
        );
      });

      test('answers duplicate to a counter that is stored, with its seq', async () => {
        const { sends, inbox } = await newPair(store);
        for (const counter of [1, 2, 3]) await appendOk(store, sends.item(counter));
        await appendOk(store, new Sends(inbox, sends.sender).item(1));
        for (const seq of [3, 1, 2])
          assert.deepEqual(await append(store, sends.item(seq)), { outcome: 'duplicate', seq });
        assert.equal((await readAll(store, inbox)).length, 4);
      });

      test('answers gap to a counter that skips one, and accepts the missing one next', async () => {
        const { sends, inbox } = await newPair(store);
        await appendOk(store, sends.item(1));
        assert.deepEqual(await append(store, sends.item(3)), { outcome: 'gap', last: 1 });
        assert.equal(await appendOk(store, sends.item(2)), 2);
        assert.equal((await store.streams.position(inbox)).top, 2);
      });

      test('answers unknown-producer to a producer that begins with another counter than 1', async () => {
        const { sends, inbox } = await newPair(store);
        for (const again of [false, true])
          assert.deepEqual(await append(store, { ...sends.item(2), again }), { outcome: 'unknown-producer' });
        assert.equal((await store.streams.position(inbox)).top, 0);
        await appendOk(store, { ...sends.item(1), again: true });
        assert.deepEqual(await append(store, { ...sends.item(1), again: true }), {
          outcome: 'duplicate',
          seq: 1,
        });
        await appendOk(store, { ...sends.item(2), again: true });
        assert.equal((await store.streams.position(inbox)).top, 2);
      });

      test('a caller that throws does not hold up the others', async () => {
        const { sends, inbox } = await newPair(store);
        const fault = (): never => {
          throw new Error('a fault of one caller');
        };
        store.streams.append(sends.item(1), fault);
        const others = [append(store, sends.item(2)), append(store, sends.item(3))];
        for (const { outcome } of await Promise.all(others)) assert.equal(outcome, 'ok');
        store.streams.append(sends.item(1), fault);
        store.streams.append(sends.item(9), fault);
        assert.deepEqual(await append(store, sends.item(2)), { outcome: 'duplicate', seq: 2 });
        assert.equal((await store.streams.position(inbox)).top, 3);
      });

      test('answers conflict to the last counter with another digest', async () => {
        const { sends, inbox } = await newPair(store);
        await appendOk(store, sends.item(1));
        const other = sends.item(1, Buffer.from('other'), 'another-digest');
        assert.deepEqual(await append(store, other), { outcome: 'conflict' });
        assert.equal((await store.streams.position(inbox)).top, 1);
      });

      test('counts each sender, producer and stream by itself', async () => {
        const { sends, inbox } = await newPair(store);
        const other = await newUser(store);
        await appendOk(store, sends.item(1));
        await appendOk(store, new Sends(inbox, other, sends.producer).item(1));
        await appendOk(store, new Sends(inbox, sends.sender).item(1));
        await appendOk(store, new Sends(inboxOf(other.userId), sends.sender, sends.producer).item(1));
        assert.equal((await store.streams.position(inbox)).top, 3);
      });

      test('answers unknown for an inbox without an account, and stores nothing there', async () => {
        const { sender } = (await newPair(store)).sends;
        const inbox = inboxOf(NOBODY);
        const sends = new Sends(inbox, sender);
        assert.deepEqual(await append(store, sends.item(1)), { outcome: 'unknown' });
        assert.deepEqual(await append(store, sends.item(0)), { outcome: 'unknown' });
        assert.deepEqual(ends(await store.streams.position(inbox)), { first: 1, top: 0, topId: '' });
        assert.deepEqual(
          await store.streams.counters(sender.userId, [{ stream: inbox, producer: sends.producer }]),
          [0],
        );
      });

      test('keeps every byte of a content, and takes an empty one', async () => {
        const { sends, inbox } = await newPair(store);
        const all = Uint8Array.from({ length: 512 }, (_, i) => i % 256);
        // A view into a larger buffer, as a frame's content is.
        const contents = [all.subarray(3, 300), new Uint8Array(), Uint8Array.of(0), Buffer.from('\r\n\0"{}')];
        for (const [i, content] of contents.entries()) await appendOk(store, sends.item(i + 1, content));
        const entries = await readAll(store, inbox);
        assert.deepEqual(
          entries.map((entry) => [...entry.content]),
          contents.map((content) => [...content]),
        );
      });

      test('takes any sender name', async () => {
        const { sends, inbox } = await newPair(store);
        for (const userName of AWKWARD_NAMES)
          await appendOk(store, new Sends(inbox, { ...sends.sender, userName }).item(1));
        const entries = await readAll(store, inbox);
        assert.deepEqual(
          entries.map((entry) => entry.sender.userName),
          AWKWARD_NAMES,
        );
      });

      test('carries out the sends of one producer in one turn in order, each with its own answer', async () => {
        const { sends, inbox } = await newPair(store);
        const absent = new Sends(inboxOf(NOBODY), sends.sender);
        const items = [
          sends.item(1),
          sends.item(3),
          absent.item(1),
          sends.item(2),
          sends.item(2),
          sends.item(3),
        ];
        const answers = await Promise.all(items.map((item) => append(store, item)));
        assert.deepEqual(
          answers.map((answer) => answer.outcome),
          ['ok', 'gap', 'unknown', 'ok', 'duplicate', 'ok'],
        );
        assert.deepEqual(
          (await readAll(store, inbox)).map((entry) => entry.counter),
          [1, 2, 3],
        );
      });

      test('1,000 appends of 10 producers at once keep the order of each and leave no hole', async () => {
        const { to, inbox } = await newPair(store);
        const producers = await Promise.all(
          Array.from({ length: 10 }, async () => new Sends(inbox, await newUser(store))),
        );
        const answers = await Promise.all(
          Array.from({ length: 1_000 }, (_, i) => {
            const sends = producers[i % 10] ?? new Sends(inbox, to);
            return appendOk(store, sends.item(Math.floor(i / 10) + 1));
          }),
        );
        assert.deepEqual(
          answers.sort((a, b) => a - b),
          Array.from({ length: 1_000 }, (_, i) => i + 1),
        );
        const entries = await readAll(store, inbox);
        assert.deepEqual(
          entries.map((entry) => entry.seq),
          Array.from({ length: 1_000 }, (_, i) => i + 1),
        );
        for (const { producer } of producers) {
          const counters = entries
            .filter((entry) => entry.producer === producer)
            .map((entry) => entry.counter);
          assert.deepEqual(
            counters,
            Array.from({ length: 100 }, (_, i) => i + 1),
          );
        }
        let prev = '';
        for (const entry of entries) {
          assert.equal(entry.prev, prev);
          prev = messageId(entry.sender.userId, entry.producer, entry.counter);
        }
      });
    });

    describe('sends with a key (counter 0)', () => {
      test('are stored once: a repeated one is a duplicate, another content a conflict', async () => {
        const { sends, inbox } = await newPair(store);
        const item = { ...sends.item(0), rememberMs: 60_000 };
        assert.equal(await appendOk(store, item), 1);
        assert.deepEqual(await append(store, item), { outcome: 'duplicate', seq: 1 });
        assert.deepEqual(await append(store, { ...item, digest: 'another-digest' }), { outcome: 'conflict' });
        assert.equal(
          await appendOk(store, { ...new Sends(inbox, sends.sender).item(0), rememberMs: 60_000 }),
          2,
        );
        const entries = await readAll(store, inbox);
        assert.deepEqual(
          entries.map((entry) => entry.counter),
          [0, 0],
        );
        assert.equal(entries[1]?.prev, messageId(sends.sender.userId, sends.producer, 0));
      });

      test('made simultaneously are stored once', async () => {
        const { sends, inbox } = await newPair(store);
        const item = { ...sends.item(0), rememberMs: 60_000 };
        const answers = await Promise.all(Array.from({ length: 10 }, () => append(store, item)));
        assert.equal(answers.filter((answer) => answer.outcome === 'ok').length, 1);
        assert.equal(answers.filter((answer) => answer.outcome === 'duplicate').length, 9);
        assert.equal((await store.streams.position(inbox)).top, 1);
      });

      test('under the name of a producer that counts, and after its newest: it goes on counting', async () => {
        const { sends, inbox } = await newPair(store);
        assert.equal(await appendOk(store, sends.item(1)), 1);
        assert.equal(await appendOk(store, { ...sends.item(0), rememberMs: 60_000 }), 2);
        assert.deepEqual(await append(store, sends.item(1)), { outcome: 'duplicate', seq: 1 });
        assert.equal(await appendOk(store, sends.item(2)), 3);
        const { producer, sender } = sends;
        assert.deepEqual(await store.streams.counters(sender.userId, [{ stream: inbox, producer }]), [2]);
      });

      test('are remembered for the given time, and no longer', async () => {
        const { sends, inbox } = await newPair(store);
        const item = { ...sends.item(0), rememberMs: 150 };
        await appendOk(store, item);
        await until('the key is forgotten', async () => (await append(store, item)).outcome === 'ok');
        assert.equal((await store.streams.position(inbox)).top, 2);
      });
    });

    describe('read', () => {
      test('starts at the given seq and stops at the limit', async () => {
        const { sends, inbox } = await newPair(store);
        await Promise.all(Array.from({ length: 200 }, (_, i) => appendOk(store, sends.item(i + 1))));
        const seqs = async (from: number, limit: number): Promise<number[]> =>
          (await store.streams.read(inbox, from as Seq, limit)).map((entry) => entry.seq);
        assert.deepEqual(await seqs(1, 3), [1, 2, 3]);
        assert.deepEqual(await seqs(150, 2), [150, 151]);
        assert.equal((await seqs(1, 150)).length, 150);
        assert.deepEqual(await seqs(199, 10), [199, 200]);
        assert.deepEqual(await seqs(201, 10), []);
        assert.deepEqual(await seqs(0, 1), [1]);
      });

      test('answers about 256 KiB, and one entry at least', async () => {
        const { sends, inbox } = await newPair(store);
        const sizes = [600, ...new Array<number>(20).fill(30), 30];
        for (const [i, size] of sizes.entries())
          await appendOk(store, sends.item(i + 1, Buffer.alloc(size * 1_024, i)));
        assert.deepEqual(
          (await store.streams.read(inbox, 1 as Seq, 100)).map((entry) => entry.seq),
          [1],
        );
        const bytes = (await store.streams.read(inbox, 2 as Seq, 100)).reduce(
          (sum, e) => sum + e.content.length,
          0,
        );
        assert.ok(bytes > 200 * 1_024 && bytes <= 300 * 1_024, `${bytes} bytes`);
        assert.equal((await readAll(store, inbox)).length, sizes.length);
      });
    });

    test('counters are answered one for one', async () => {
      const { sends, inbox } = await newPair(store);
      const group = newGroup();
      const { sender, producer } = sends;
      for (const counter of [1, 2, 3]) await appendOk(store, sends.item(counter));
      await appendOk(store, new Sends(group, sender, producer).item(1));
      const of = [
        { stream: group, producer },
        { stream: inbox, producer: newProducer() },
        { stream: inbox, producer },
        { stream: inboxOf(NOBODY), producer },
      ];
      assert.deepEqual(await store.streams.counters(sender.userId, of), [1, 0, 3, 0]);
      assert.deepEqual(await store.streams.counters(NOBODY, of), [0, 0, 0, 0]);
    });

    describe('ack', () => {
      const cursorAt = (sends: Sends, seq: number) => ({
        seq: seq as Seq,
        id: messageId(sends.sender.userId, sends.producer, seq),
      });

      test('moves a cursor forward and never back', async () => {
        const { sends, to, inbox } = await newPair(store);
        const epoch = await logIn(store, to, await newServer(store));
        for (const counter of [1, 2, 3]) await appendOk(store, sends.item(counter));
        for (const [seq, expected] of [
          [2, 2],
          [1, 2],
          [2, 2],
          [3, 3],
        ] as const) {
          await store.streams.ack([
            { user: to.userId, device: CIM_DEVICE, epoch, stream: inbox, cursor: cursorAt(sends, seq) },
          ]);
          assert.deepEqual(
            await store.streams.cursor(to.userId, CIM_DEVICE, inbox),
            cursorAt(sends, expected),
          );
        }
      });

      test('of a session that is not the current one does nothing', async () => {
        const { sends, to, inbox } = await newPair(store);
        const ack = (epoch: number) =>
          store.streams.ack([
            {
              user: to.userId,
              device: CIM_DEVICE,
              epoch: epoch as Epoch,
              stream: inbox,
              cursor: cursorAt(sends, 1),
            },
          ]);
        await appendOk(store, sends.item(1));
        await ack(1);
        assert.equal(await store.streams.cursor(to.userId, CIM_DEVICE, inbox), undefined);
        const server = await newServer(store);
        const old = await logIn(store, to, server);
        const epoch = await logIn(store, to, server);
        await ack(old);
        await ack(epoch + 1);
        assert.equal(await store.streams.cursor(to.userId, CIM_DEVICE, inbox), undefined);
        await ack(epoch);
        assert.deepEqual(await store.streams.cursor(to.userId, CIM_DEVICE, inbox), cursorAt(sends, 1));
      });

      test('of an inbox above its top does nothing', async () => {
        const { sends, to, inbox } = await newPair(store);
        const epoch = await logIn(store, to, await newServer(store));
        await appendOk(store, sends.item(1));
        await store.streams.ack([
          { user: to.userId, device: CIM_DEVICE, epoch, stream: inbox, cursor: cursorAt(sends, 2) },
        ]);
        assert.equal(await store.streams.cursor(to.userId, CIM_DEVICE, inbox), undefined);
      });

      test('keeps a separate cursor for each user and stream, with many in one call', async () => {
        const server = await newServer(store);
        const group = newGroup();
        const shared = new Sends(group, await newUser(store));
        for (const counter of [1, 2]) await appendOk(store, shared.item(counter));
        const pairs = await Promise.all(Array.from({ length: 30 }, () => newPair(store)));
        const acks = await Promise.all(
          pairs.map(async ({ sends, to, inbox }, i) => {
            await appendOk(store, sends.item(1));
            const epoch = await logIn(store, to, server);
            const stale = i % 10 === 9 ? 1 : 0;
            return [
              {
                user: to.userId,
                device: CIM_DEVICE,
                epoch: (epoch + stale) as Epoch,
                stream: inbox,
                cursor: cursorAt(sends, 1),
              },
              {
                user: to.userId,
                device: CIM_DEVICE,
                epoch,
                stream: group,
                cursor: cursorAt(shared, (i % 2) + 1),
              },
            ];
          }),
        );
        await store.streams.ack(acks.flat());
        await store.streams.ack([]);
        for (const [i, { sends, to, inbox }] of pairs.entries()) {
          const expected = i % 10 === 9 ? undefined : cursorAt(sends, 1);
          assert.deepEqual(await store.streams.cursor(to.userId, CIM_DEVICE, inbox), expected);
          assert.deepEqual(
            await store.streams.cursor(to.userId, CIM_DEVICE, group),
            cursorAt(shared, (i % 2) + 1),
          );
        }
      });
    });

    describe('retention', () => {
      // One sender may fill an inbox alone.
      const limits = { ...RETENTION, inboxShare: RETENTION.maxEntries };
      let filled: OpenedStore;
      let store: Store;
      before(async () => {
        filled = await open({ limits });
        store = filled.store;
      });
      after(() => filled.close());

      /** Many small appends in order, a thousand at a time. */
      const fill = async (sends: Sends, from: number, to: number): Promise<void> => {
        for (let start = from; start <= to; start += 1_000) {
          const count = Math.min(1_000, to - start + 1);
          await Promise.all(Array.from({ length: count }, (_, i) => appendOk(store, sends.item(start + i))));
        }
      };
      const ackUpTo = async (
        sends: Sends,
        user: { userId: number; userName: string },
        seq: number,
      ): Promise<void> => {
        const named = user as Parameters<typeof logIn>[1];
        const epoch = await logIn(store, named, await newServer(store));
        const cursor = { seq: seq as Seq, id: messageId(sends.sender.userId, sends.producer, seq) };
        await store.streams.ack([
          { user: named.userId, device: CIM_DEVICE, epoch, stream: sends.stream, cursor },
        ]);
      };

      test('an inbox with 10,000 unacked entries is full until some are acked; then it keeps the newest 10,000', async () => {
        const { sends, to, inbox } = await newPair(store);
        const max = RETENTION.maxEntries;
        await fill(sends, 1, max);
        assert.deepEqual(await append(store, sends.item(max + 1)), { outcome: 'full' });
        assert.deepEqual(await append(store, sends.item(0)), { outcome: 'full' });
        assert.deepEqual(await append(store, sends.item(max)), { outcome: 'duplicate', seq: max });
        await ackUpTo(sends, to, 40);
        await fill(sends, max + 1, max + 40);
        assert.deepEqual(await append(store, sends.item(max + 41)), { outcome: 'full' });
        assert.equal((await store.streams.position(inbox)).first, 41);
        assert.equal((await store.streams.read(inbox, 1 as Seq, 1))[0]?.seq, 41);
      });

      test('an inbox with 64 MiB unacked is full until some are acked', async () => {
        const { sends, to } = await newPair(store);
        const content = Buffer.alloc(1024 * 1024 - 100, 7);
        for (let counter = 1; counter <= 64; counter++) await appendOk(store, sends.item(counter, content));
        assert.deepEqual(await append(store, sends.item(65, content)), { outcome: 'full' });
        await ackUpTo(sends, to, 1);
        await appendOk(store, sends.item(65, content));
        assert.deepEqual(await append(store, sends.item(66, content)), { outcome: 'full' });
      });

      test('a group keeps the newest 10,000, acked or not', async () => {
        const group = newGroup();
        const max = RETENTION.maxEntries;
        const sends = new Sends(group, await newUser(store));
        await fill(sends, 1, max + 50);
        const topId = messageId(sends.sender.userId, sends.producer, max + 50);
        assert.deepEqual(ends(await store.streams.position(group)), { first: 51, top: max + 50, topId });
        assert.equal((await store.streams.read(group, 1 as Seq, 1))[0]?.seq, 51);
      });
    });

    test('positions are answered one for one, in the order asked', async () => {
      const { sends, inbox } = await newPair(store);
      for (const counter of [1, 2, 3]) await appendOk(store, sends.item(counter));
      const [group, unwritten] = [newGroup(), newGroup()];
      const inGroup = new Sends(group, sends.sender);
      await appendOk(store, inGroup.item(1));
      const id = (producer: Sends, counter: number) =>
        messageId(producer.sender.userId, producer.producer, counter);
      const positions = await store.streams.positions([group, inbox, unwritten, group]);
      assert.deepEqual(positions.map(ends), [
        { first: 1, top: 1, topId: id(inGroup, 1) },
        { first: 1, top: 3, topId: id(sends, 3) },
        { first: 1, top: 0, topId: '' },
        { first: 1, top: 1, topId: id(inGroup, 1) },
      ]);
      assert.deepEqual(await store.streams.positions([]), []);
    });

    test('many positions in one call equal the positions of single calls', async () => {
      const sender = await newUser(store);
      const groups = Array.from({ length: 200 }, newGroup);
      await Promise.all(
        groups.map(async (group, i) => {
          const sends = new Sends(group, sender);
          for (let counter = 1; counter <= i % 3; counter++) await appendOk(store, sends.item(counter));
        }),
      );
      const together = await store.streams.positions(groups);
      assert.deepEqual(
        together.map((position) => position.top),
        groups.map((_, i) => i % 3),
      );
      assert.deepEqual(together, await Promise.all(groups.map((group) => store.streams.position(group))));
    });

    test('entries, counters, keys and cursors survive a restart', async () => {
      const { sends, to, inbox } = await newPair(store);
      const epoch = await logIn(store, to, await newServer(store));
      for (const counter of [1, 2, 3]) await appendOk(store, sends.item(counter));
      const keyed = { ...new Sends(inbox, sends.sender).item(0), rememberMs: 600_000 };
      await appendOk(store, keyed);
      const cursor = { seq: 2 as Seq, id: messageId(sends.sender.userId, sends.producer, 2) };
      await store.streams.ack([{ user: to.userId, device: CIM_DEVICE, epoch, stream: inbox, cursor }]);
      const [entries, position] = [await readAll(store, inbox), await store.streams.position(inbox)];

      store = await opened.reopen();
      assert.deepEqual((await readAll(store, inbox)).map(plain), entries.map(plain));
      assert.deepEqual(await store.streams.position(inbox), position);
      assert.deepEqual(await store.streams.cursor(to.userId, CIM_DEVICE, inbox), cursor);
      assert.deepEqual(await append(store, sends.item(3)), { outcome: 'duplicate', seq: 3 });
      assert.deepEqual(await append(store, sends.item(5)), { outcome: 'gap', last: 3 });
      assert.deepEqual(await append(store, keyed), { outcome: 'duplicate', seq: 4 });
      assert.equal(await appendOk(store, sends.item(4)), 5);
    });
  });
}
