import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type GroupId, groupStream, type StreamRef } from '@cim/protocol';
import {
  append,
  appendOk,
  newProducer,
  newUser,
  type OpenedStore,
  type OpenStore,
  Sends,
} from '../test/contract-fixture.ts';
import type { Store } from './store.ts';
import { type Append, RETENTION } from './streams.ts';

/** A stream forgets a producer after at least this many further entries, and at most twice as many. */
const WINDOW = 10;
const KEPT = 30;

/** Tests how producers and their counters are remembered and forgotten. */
export function producersContract(open: OpenStore): void {
  describe('producers', () => {
    let opened: OpenedStore;
    let store: Store;
    before(async () => {
      opened = await open({ limits: { ...RETENTION, producerEntries: WINDOW, maxEntries: KEPT } });
      store = opened.store;
    });
    after(() => opened.close());

    const newSends = async (): Promise<Sends> => {
      const group = groupStream(`g-${randomBytes(9).toString('base64url')}` as GroupId);
      return new Sends(group, await newUser(store));
    };
    /** Appends entries of other producers, each with a producer of its own. */
    const fill = async ({ stream, sender }: Sends, count: number): Promise<void> => {
      for (let i = 0; i < count; i++) await appendOk(store, new Sends(stream, sender).item(1));
    };
    const top = async (stream: StreamRef): Promise<number> => (await store.streams.position(stream)).top;
    const counter = async ({ stream, sender, producer }: Sends): Promise<number | undefined> =>
      (await store.streams.counters(sender.userId, [{ stream, producer }]))[0];

    test('one is remembered while its last entry is within the window, and forgotten before two windows have passed', async () => {
      for (let at = 0; at < WINDOW; at++) {
        const sends = await newSends();
        await fill(sends, at);
        await appendOk(store, sends.item(1));
        await appendOk(store, sends.item(2));
        await fill(sends, WINDOW - 1);
        assert.equal(await counter(sends), 2);
        assert.deepEqual(await append(store, sends.item(2)), { outcome: 'duplicate', seq: at + 2 });
        assert.deepEqual(await append(store, sends.item(4)), { outcome: 'gap', last: 2 });
        await fill(sends, WINDOW + 1);
        assert.equal(await counter(sends), undefined);
        const before = await top(sends.stream);
        for (const n of [2, 3, 4])
          assert.deepEqual(await append(store, sends.item(n)), { outcome: 'unknown-producer' });
        assert.equal(await top(sends.stream), before);
      }
    });

    test('the producer of the newest entry is remembered, however many entries it has sent', async () => {
      const sends = await newSends();
      for (let n = 1; n <= 3 * WINDOW; n++) await appendOk(store, sends.item(n));
      assert.equal(await counter(sends), 3 * WINDOW);
      assert.deepEqual(await append(store, sends.item(3 * WINDOW)), {
        outcome: 'duplicate',
        seq: 3 * WINDOW,
      });
      await fill(sends, WINDOW);
      assert.equal(await appendOk(store, sends.item(3 * WINDOW + 1)), 4 * WINDOW + 1);
    });

    test('a repeated first send is stored while the stream has forgotten no producer', async () => {
      const sends = await newSends();
      await fill(sends, 2 * WINDOW - 1);
      assert.equal(await counter(sends), 0, 'it is known that the stream never had it');
      await appendOk(store, { ...sends.item(1), again: true });
      assert.deepEqual(await append(store, { ...sends.item(1), again: true }), {
        outcome: 'duplicate',
        seq: 2 * WINDOW,
      });
    });

    test('a repeated first send is unknown afterwards, and a late copy of it is not stored', async () => {
      const sends = await newSends();
      await fill(sends, 2 * WINDOW);
      assert.equal(await counter(sends), undefined);
      const before = await top(sends.stream);
      assert.deepEqual(await append(store, { ...sends.item(1), again: true }), {
        outcome: 'unknown-producer',
      });
      // The first copy of the send, over a slower connection.
      assert.deepEqual(await append(store, sends.item(1)), { outcome: 'unknown-producer' });
      assert.equal(await top(sends.stream), before);
      const next = new Sends(sends.stream, sends.sender);
      assert.equal(await appendOk(store, next.item(1)), before + 1);
      const other = new Sends(sends.stream, await newUser(store), sends.producer);
      assert.equal(await appendOk(store, other.item(1)), before + 2);
    });

    test('a forgotten producer stays forgotten after a restart', async () => {
      const sends = await newSends();
      await appendOk(store, sends.item(1));
      await fill(sends, WINDOW);
      const known = new Sends(sends.stream, sends.sender);
      await appendOk(store, known.item(1));
      await fill(sends, WINDOW - 1);
      store = await opened.reopen();
      assert.equal(await counter(sends), undefined);
      assert.equal(await counter(known), 1);
      assert.deepEqual(
        await append(store, { ...new Sends(sends.stream, sends.sender).item(1), again: true }),
        {
          outcome: 'unknown-producer',
        },
      );
    });

    describe('one that is ended', () => {
      const end = (item: Append) => append(store, { ...item, endsProducer: true });
      const ended = { outcome: 'ended' };
      const unknown = { outcome: 'unknown-producer' };

      test('has nothing stored any more, also when it had nothing before', async () => {
        const sends = await newSends();
        const first = new Sends(sends.stream, sends.sender);
        await appendOk(store, sends.item(1));
        assert.deepEqual(await end({ ...sends.item(2), again: true }), ended);
        assert.deepEqual(await end({ ...first.item(1), again: true }), ended);
        for (const item of [sends.item(2), sends.item(3), first.item(1)])
          for (const again of [false, true])
            assert.deepEqual(await append(store, { ...item, again }), unknown);
        assert.deepEqual(await append(store, sends.item(1)), { outcome: 'duplicate', seq: 1 });
        assert.equal(await top(sends.stream), 1);
      });

      test('is not ended by a send that is stored: that is answered as ever', async () => {
        const sends = await newSends();
        for (let n = 1; n <= 3; n++) await appendOk(store, sends.item(n));
        for (const n of [3, 1])
          assert.deepEqual(await end({ ...sends.item(n), again: true }), { outcome: 'duplicate', seq: n });
        assert.equal(await appendOk(store, sends.item(4)), 4);
      });

      test('keeps a send that is not counted from being stored, for as long as it is remembered', async () => {
        const sends = await newSends();
        const remembered = { ...sends.item(0), rememberMs: 60_000 };
        assert.deepEqual(await end(remembered), ended);
        assert.deepEqual(await append(store, remembered), ended);
        assert.equal(await top(sends.stream), 0);
        const stored = { ...new Sends(sends.stream, sends.sender).item(0), rememberMs: 60_000 };
        await appendOk(store, stored);
        assert.deepEqual(await end(stored), { outcome: 'duplicate', seq: 1 });
        assert.deepEqual(await append(store, stored), { outcome: 'duplicate', seq: 1 });
      });
    });

    describe('a counter below the last one', () => {
      const withContent = (sends: Sends, n: number, text: string) =>
        sends.item(n, Buffer.from(text), Buffer.from(text).toString('hex'));

      test('is a duplicate with its own seq when the content is the same, otherwise a conflict', async () => {
        const sends = await newSends();
        for (let n = 1; n <= 5; n++) {
          await appendOk(store, withContent(sends, n, `text ${n}`));
          // Entries of others in between, one of them under the same producer id and counter.
          if (n === 2)
            await appendOk(store, new Sends(sends.stream, await newUser(store), sends.producer).item(1));
          if (n === 3) await fill(sends, 2);
        }
        const seqs = [1, 2, 4, 7, 8];
        const burst = [4, 1, 3, 2, 5].map((n) => withContent(sends, n, `text ${n}`));
        const others = [2, 5, 4].map((n) => withContent(sends, n, 'another'));
        const answers = await Promise.all([...burst, ...others].map((item) => append(store, item)));
        assert.deepEqual(answers, [
          ...burst.map((item) => ({ outcome: 'duplicate', seq: seqs[item.counter - 1] })),
          ...others.map(() => ({ outcome: 'conflict' })),
        ]);
        assert.equal(await top(sends.stream), 8);
      });

      test('is unknown when its entry was trimmed, since nothing shows that it was this message', async () => {
        const sends = await newSends();
        for (let n = 1; n <= KEPT + 5; n++) await appendOk(store, sends.item(n));
        const answers = await Promise.all([1, 5, 6, KEPT].map((n) => append(store, sends.item(n))));
        assert.deepEqual(answers, [
          { outcome: 'unknown-producer' },
          { outcome: 'unknown-producer' },
          { outcome: 'duplicate', seq: 6 },
          { outcome: 'duplicate', seq: KEPT },
        ]);
        await appendOk(store, sends.item(KEPT + 6));
      });
    });

    test('many repeated sends of one turn are each answered with their own seq', async () => {
      const wide = await open();
      const sender = await newUser(wide.store);
      const group = groupStream(`g-${randomBytes(9).toString('base64url')}` as GroupId);
      const [sends, other] = [new Sends(group, sender), new Sends(group, sender, newProducer())];
      const items = Array.from({ length: 512 }, (_, i) => sends.item(i + 1));
      const others = Array.from({ length: 512 }, (_, i) => other.item(i + 1));
      const stored = await Promise.all(
        items.flatMap((item, i) => [appendOk(wide.store, item), appendOk(wide.store, others[i] ?? item)]),
      );
      const answers = await Promise.all(items.map((item) => append(wide.store, { ...item, again: true })));
      assert.deepEqual(
        answers,
        items.map((_, i) => ({ outcome: 'duplicate', seq: stored[2 * i] })),
      );
      await wide.close();
    });
  });
}
