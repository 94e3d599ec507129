import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  CIM_DEVICE,
  copyProducer,
  inboxOf,
  type MessageId,
  messageId,
  type NamedUser,
  type Seq,
  type StreamRef,
} from '@cim/protocol';
import {
  append,
  appendOk,
  logIn,
  newGroup,
  newPair,
  newServer,
  newUser,
  NOBODY,
  type OpenedStore,
  type OpenStore,
  readAll,
  Sends,
} from '../test/contract-fixture.ts';
import { plain } from '../test/stored.ts';
import type { Store } from './store.ts';
import {
  type Append,
  type AppendAnswer,
  entryId,
  isCopy,
  messageIdOf,
  RETENTION,
  type Stored,
} from './streams.ts';

const KEPT = 20;

/**
 * Tests that a user's inbox holds both sides of conversations, counts unread entries, and indexes events
 * about messages.
 */
export function timelinesContract(open: OpenStore): void {
  describe('timelines', () => {
    let opened: OpenedStore;
    let store: Store;
    before(async () => {
      opened = await open({ limits: { ...RETENTION, maxEntries: KEPT } });
      store = opened.store;
    });
    after(() => opened.close());

    /** Appends a message that must be stored. Answers the position of its copy. */
    const copyOfSend = async (item: Append): Promise<Stored | undefined> => {
      const answer = await append(store, item);
      assert.ok(answer.outcome === 'ok', answer.outcome);
      return answer.copy;
    };
    const own = ({ sender }: Sends): StreamRef => inboxOf(sender.userId);
    const tops = (...streams: StreamRef[]): Promise<number[]> =>
      store.streams.positions(streams).then((positions) => positions.map(({ top }) => top));
    /** Acks the whole inbox of a user. */
    const ackAll = async (user: NamedUser): Promise<void> => {
      const stream = inboxOf(user.userId);
      const { top, topId } = await store.streams.position(stream);
      const epoch = await logIn(store, user, await newServer(store));
      const cursor = { seq: top, id: topId };
      await store.streams.ack([{ user: user.userId, device: CIM_DEVICE, epoch, stream, cursor }]);
    };
    const fill = async (sends: Sends, from: number, to: number): Promise<void> => {
      for (let counter = from; counter <= to; counter++) await appendOk(store, sends.item(counter));
    };

    describe('a copy', () => {
      test('of a private message is put into the inbox of its sender, and the answer names its position', async () => {
        const { sends, to, inbox } = await newPair(store);
        const answers: AppendAnswer[] = [];
        for (const item of [sends.item(1), sends.item(2)]) answers.push(await append(store, item));
        const received = await readAll(store, inbox);
        const copies = await readAll(store, own(sends));
        assert.deepEqual(copies.map(isCopy), [true, true]);
        assert.deepEqual(received.map(isCopy), [false, false]);
        assert.deepEqual(copies.map(messageIdOf), received.map(messageIdOf));
        for (const [i, copy] of copies.entries()) {
          const answer: AppendAnswer | undefined = answers[i];
          const before = copies[i - 1];
          assert.ok(answer?.outcome === 'ok' && answer.copy !== undefined);
          const { seq, prev, storedAt, n } = answer.copy;
          assert.deepEqual([seq, prev, n], [i + 1, before === undefined ? '' : entryId(before), 0]);
          const producer = copyProducer(sends.producer, to.userId);
          const { sender } = sends;
          assert.deepEqual(plain(copy), {
            ...{ seq, prev, storedAt, n, sender, producer },
            ...{ counter: i + 1, content: `text ${i + 1}` },
          });
        }
        const last = copies.at(-1);
        assert.equal((await store.streams.position(own(sends))).topId, last && entryId(last));
      });

      test('lies among the received messages of its sender, in the order stored', async () => {
        const { sends, to, inbox } = await newPair(store);
        const back = new Sends(own(sends), to);
        await appendOk(store, sends.item(1));
        await appendOk(store, back.item(1));
        await appendOk(store, sends.item(2));
        await appendOk(store, back.item(2));
        const sides = async (stream: StreamRef) =>
          (await readAll(store, stream)).map((entry) => [messageIdOf(entry), isCopy(entry), entry.n]);
        const id = (of: Sends, counter: number) => messageId(of.sender.userId, of.producer, counter);
        const said = [id(sends, 1), id(back, 1), id(sends, 2), id(back, 2)];
        assert.deepEqual(await sides(own(sends)), [
          [said[0], true, 0],
          [said[1], false, 1],
          [said[2], true, 1],
          [said[3], false, 2],
        ]);
        assert.deepEqual(await sides(inbox), [
          [said[0], false, 1],
          [said[1], true, 1],
          [said[2], false, 2],
          [said[3], true, 2],
        ]);
      });

      test('is not made of a message to oneself or to a group', async () => {
        const user = await newUser(store);
        const self = new Sends(inboxOf(user.userId), user);
        assert.equal(await copyOfSend(self.item(1)), undefined);
        const group = await newGroup(store, user);
        assert.equal(await copyOfSend(new Sends(group, user).item(1)), undefined);
        assert.deepEqual(await tops(self.stream), [1]);
      });

      test('is not made of a message that is not stored', async () => {
        const { sends, inbox } = await newPair(store);
        await appendOk(store, sends.item(1));
        const absent = new Sends(inboxOf(NOBODY), sends.sender);
        for (const [item, outcome] of [
          [sends.item(3), 'gap'],
          [sends.item(1, Buffer.from('other'), 'another-digest'), 'conflict'],
          [new Sends(inbox, sends.sender).item(2), 'unknown-producer'],
          [absent.item(1), 'unknown'],
          [absent.item(0), 'unknown'],
        ] as const)
          assert.equal((await append(store, item)).outcome, outcome);
        assert.deepEqual(await tops(own(sends), inbox), [1, 1]);
      });

      test('is made once of a repeated send, counted or keyed, also simultaneously', async () => {
        const { sends, inbox } = await newPair(store);
        for (const item of [sends.item(1), { ...sends.item(0), rememberMs: 60_000 }]) {
          const answers = await Promise.all(Array.from({ length: 5 }, () => append(store, item)));
          const outcomes = answers.map(({ outcome }) => outcome).sort();
          assert.deepEqual(outcomes, ['duplicate', 'duplicate', 'duplicate', 'duplicate', 'ok']);
          assert.equal((await append(store, item)).outcome, 'duplicate');
        }
        await appendOk(store, sends.item(2));
        assert.equal((await append(store, sends.item(1))).outcome, 'duplicate');
        assert.deepEqual(await tops(own(sends), inbox), [3, 3]);
        assert.deepEqual(
          (await readAll(store, own(sends))).map(({ counter }) => counter),
          [1, 0, 2],
        );
      });

      test('is made of sends to many at once, one for each', async () => {
        const { sends } = await newPair(store);
        const others = await Promise.all(Array.from({ length: KEPT }, () => newUser(store)));
        const items = others.map(({ userId }) => new Sends(inboxOf(userId), sends.sender).item(1));
        const seqs = await Promise.all(items.map(async (item) => (await copyOfSend(item))?.seq ?? 0));
        assert.deepEqual(
          seqs.sort((a, b) => a - b),
          others.map((_, i) => i + 1),
        );
        const copies = await readAll(store, own(sends));
        for (const [i, copy] of copies.entries()) {
          const before = copies[i - 1];
          assert.equal(copy.prev, before === undefined ? '' : entryId(before));
        }
        assert.equal(new Set(copies.map(entryId)).size, others.length);
      });
    });

    describe('what counts as unread', () => {
      test('raises shown; a silent entry and a copy do not', async () => {
        const { sends, to, inbox } = await newPair(store);
        const back = new Sends(own(sends), to);
        const counts = async () => {
          const { shown, shownSeq, shownAt } = await store.streams.position(inbox);
          return { shown, shownSeq, shownAt };
        };
        assert.deepEqual(await counts(), { shown: 0, shownSeq: 0, shownAt: 0 });
        const n = async (item: Append) => {
          const answer = await append(store, item);
          assert.ok(answer.outcome === 'ok');
          return answer;
        };
        assert.equal((await n({ ...sends.item(1), silent: true })).n, 0);
        assert.deepEqual(await counts(), { shown: 0, shownSeq: 0, shownAt: 0 });
        assert.equal((await n(sends.item(2))).n, 1);
        const second = await n(sends.item(3));
        assert.equal(second.n, 2);
        assert.equal((await n({ ...sends.item(4), silent: true })).n, 2);
        assert.equal((await n(back.item(1))).copy?.n, 2);
        const expected = { shown: 2, shownSeq: 3, shownAt: second.storedAt };
        assert.deepEqual(await counts(), expected);
        assert.deepEqual(
          (await readAll(store, inbox)).map((entry) => entry.n),
          [0, 1, 2, 2, 2],
        );
      });

      test('of a group is counted for all its members together', async () => {
        const user = await newUser(store);
        const group = await newGroup(store, user);
        const sends = new Sends(group, user);
        await fill(sends, 1, 3);
        const { shown, shownSeq } = await store.streams.position(group);
        assert.deepEqual([shown, shownSeq], [3, 4]);
        const [position] = await store.streams.positions([group]);
        assert.deepEqual([position?.shown, position?.shownSeq], [3, 4]);
      });
    });

    describe('events', () => {
      const event = (sends: Sends, counter: number, about: string): Append => ({
        ...sends.item(counter),
        silent: true,
        about: about as MessageId,
      });

      test('are found by their positions, on both sides', async () => {
        const { sends, inbox } = await newPair(store);
        const id = messageId(sends.sender.userId, sends.producer, 1);
        assert.deepEqual(await store.streams.events(inbox, 1 as Seq), []);
        await appendOk(store, sends.item(1));
        await appendOk(store, event(sends, 2, id));
        await appendOk(store, sends.item(3));
        await appendOk(store, event(sends, 4, 'another:one:7'));
        for (const stream of [inbox, own(sends)]) {
          const all = [
            { seq: 2, about: id },
            { seq: 4, about: 'another:one:7' },
          ];
          assert.deepEqual(await store.streams.events(stream, 1 as Seq), all);
          assert.deepEqual(await store.streams.events(stream, 2 as Seq), all);
          assert.deepEqual(await store.streams.events(stream, 3 as Seq), all.slice(1));
          assert.deepEqual(await store.streams.events(stream, 5 as Seq), []);
        }
      });

      test('that are repeated are there once', async () => {
        const { sends, inbox } = await newPair(store);
        const item = event(sends, 1, 'a:message:1');
        await Promise.all([append(store, item), append(store, item)]);
        assert.deepEqual(await store.streams.events(inbox, 1 as Seq), [{ seq: 1, about: 'a:message:1' }]);
      });

      test('that the log has lost are gone from the index', async () => {
        const user = await newUser(store);
        const group = await newGroup(store, user);
        const sends = new Sends(group, user);
        for (let counter = 1; counter <= 2 * KEPT; counter++)
          await appendOk(store, event(sends, counter, `a:message:${counter}`));
        const { first, top } = await store.streams.position(group);
        assert.equal(top, 2 * KEPT + 1);
        assert.deepEqual(
          (await store.streams.events(group, 1 as Seq)).map(({ seq }) => seq),
          Array.from({ length: top - first + 1 }, (_, i) => first + i),
        );
      });
    });

    describe('retention', () => {
      test('copies do not fill an inbox; only received entries count', async () => {
        const { sends, to, inbox } = await newPair(store);
        const back = new Sends(own(sends), to);
        await appendOk(store, sends.item(1));
        await fill(back, 1, KEPT - 5);
        await fill(sends, 2, KEPT);
        assert.deepEqual(await append(store, sends.item(KEPT + 1)), { outcome: 'full' });
        // The sender's own inbox is not full, and no copy of the refused message is in it.
        assert.equal((await tops(inbox))[0], KEPT + KEPT - 5);
        await ackAll(to);
        await appendOk(store, sends.item(KEPT + 1));
      });

      test('copies in an inbox where nothing waits are trimmed like acked entries', async () => {
        const { sends, to, inbox } = await newPair(store);
        const back = new Sends(own(sends), to);
        // A user who never logged in, as one that sends over HTTP.
        for (let i = 0; i < 3 * KEPT; i++) {
          assert.notEqual(await copyOfSend(new Sends(own(sends), to).item(1)), undefined);
          if (i % 10 === 9) await ackAll(sends.sender);
        }
        const { first, top } = await store.streams.position(inbox);
        assert.ok(top === 3 * KEPT && top - first + 1 <= KEPT + 1, `${first} to ${top}`);
        assert.equal(await copyOfSend(back.item(1)).then((copy) => copy?.seq), top + 1);
      });

      test('an inbox with twice its limit gets no more copies until its user reads', async () => {
        const { sends, to, inbox } = await newPair(store);
        const back = new Sends(own(sends), to);
        await appendOk(store, sends.item(1));
        const copies = [];
        for (let counter = 1; counter <= 2 * KEPT + 5; counter++) {
          copies.push(await copyOfSend(back.item(counter)));
          if (counter % 10 === 9) await ackAll(sends.sender);
        }
        assert.deepEqual(
          copies.map((copy) => copy?.seq),
          copies.map((_, i) => (i < 2 * KEPT - 1 ? i + 2 : undefined)),
        );
        assert.equal((await store.streams.position(own(sends))).top, copies.length + 1);
        assert.deepEqual(
          (await readAll(store, inbox)).map(({ seq }) => seq),
          Array.from({ length: 2 * KEPT }, (_, i) => i + 1),
        );
        // The recipient still gets its messages.
        await appendOk(store, sends.item(2));
        await ackAll(to);
        assert.notEqual(await copyOfSend(new Sends(own(sends), to).item(1)), undefined);
      });
    });

    test('both sides, counts and events survive a restart', async () => {
      const { sends, to, inbox } = await newPair(store);
      const back = new Sends(own(sends), to);
      await appendOk(store, sends.item(1));
      await appendOk(store, back.item(1));
      await appendOk(store, { ...sends.item(2), silent: true, about: 'a:message:1' as MessageId });
      const all = () =>
        Promise.all(
          [inbox, own(sends)].map(async (stream) => [
            (await readAll(store, stream)).map(plain),
            await store.streams.position(stream),
            await store.streams.events(stream, 1 as Seq),
          ]),
        );
      const before = await all();
      store = await opened.reopen();
      assert.deepEqual(await all(), before);
      const answer = await append(store, sends.item(3));
      assert.ok(answer.outcome === 'ok');
      assert.deepEqual([answer.seq, answer.n, answer.copy?.seq, answer.copy?.n], [4, 2, 4, 1]);
    });
  });
}
