import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { groupStream, inboxOf, type GroupId, type NamedUser, type ProducerId } from '@cim/protocol';
import { newUser, type OpenedStore, type OpenStore } from '../test/contract-fixture.ts';
import { type ClaimedMessage, type NewScheduled, SCHEDULE } from './scheduled.ts';
import type { Store } from './store.ts';

const HOUR = 3_600_000;
const random = (): string => randomBytes(18).toString('base64url');

export function scheduledContract(open: OpenStore): void {
  describe('scheduled messages', () => {
    let opened: OpenedStore;
    let store: Store;
    let skewMs = 0;
    let alice: NamedUser;
    let bob: NamedUser;
    before(async () => {
      opened = await open({ scheduleSkewMs: () => skewMs });
      store = opened.store;
    });
    after(() => opened.close());
    beforeEach(async () => {
      [alice, bob] = [await newUser(store), await newUser(store)];
    });

    const message = (more: Partial<NewScheduled> = {}): NewScheduled => ({
      id: random() as ProducerId,
      sender: alice,
      to: inboxOf(bob.userId),
      content: Buffer.from('hello'),
      when: { afterMs: HOUR },
      most: 100,
      ...more,
    });
    const add = async (more: Partial<NewScheduled> = {}): Promise<{ id: ProducerId; sendAt: number }> => {
      const answer = await store.scheduled.add(message(more));
      assert.ok(answer.outcome === 'ok', JSON.stringify(answer));
      return { id: answer.id, sendAt: answer.sendAt };
    };
    const ids = async (of = alice): Promise<ProducerId[]> =>
      (await store.scheduled.list(of.userId)).map(({ id }) => id);
    /** Claims all due messages of all users. */
    const claimAll = async (): Promise<ClaimedMessage[]> => {
      const all: ClaimedMessage[] = [];
      for (;;) {
        const claimed = await store.scheduled.claim(50);
        all.push(...claimed);
        if (claimed.length < 50) return all;
      }
    };
    const claimOf = async (of: ProducerId): Promise<ClaimedMessage | undefined> =>
      (await claimAll()).find(({ id }) => id === of);

    test('a message is listed with all its fields, and can be claimed when its time has come and not before', async () => {
      const content = randomBytes(200);
      const group = groupStream('17' as GroupId);
      const { id, sendAt } = await add({ content, to: group });
      const [listed] = await store.scheduled.list(alice.userId);
      assert.deepEqual(
        { ...listed, content: Buffer.from(listed?.content ?? []) },
        {
          ...{ id, sendAt, sender: alice, to: group, content, sending: false },
        },
      );
      assert.equal(await claimOf(id), undefined);
      const before = await store.scheduled.count();
      assert.ok(
        before.waiting > 0 && before.nextMs !== undefined && before.nextMs <= HOUR,
        JSON.stringify(before),
      );
      skewMs += HOUR;
      const due = await store.scheduled.count();
      assert.ok(due.ready && due.due > 0 && due.lateMs < 60_000, JSON.stringify(due));
      const claimed = await claimOf(id);
      assert.ok(claimed !== undefined);
      assert.deepEqual(
        [claimed.sender, claimed.to, claimed.sendAt, claimed.triedMs],
        [alice, group, sendAt, undefined],
      );
      assert.deepEqual(Buffer.from(claimed.content), content);
      await store.scheduled.sent(alice.userId, id);
      await store.scheduled.sent(alice.userId, id);
      assert.deepEqual(await ids(), []);
    });

    test('the list of a user begins with the next message to be sent', async () => {
      const late = await add({ when: { afterMs: 2 * HOUR } });
      const soon = await add();
      const other = await add({ sender: bob });
      assert.deepEqual(await ids(), [soon.id, late.id]);
      assert.deepEqual(await ids(bob), [other.id]);
    });

    test('a claim excludes others until it lapses; the next claim tells that the message was tried', async () => {
      const { id } = await add();
      skewMs += HOUR;
      assert.ok(await claimOf(id));
      assert.equal(await claimOf(id), undefined);
      assert.equal((await store.scheduled.count()).ready, false);
      skewMs += SCHEDULE.leaseMs + 1;
      assert.equal((await store.scheduled.count()).ready, true);
      const again = await claimOf(id);
      assert.ok(again?.triedMs !== undefined && again.triedMs >= SCHEDULE.leaseMs, JSON.stringify(again));
      await store.scheduled.sent(alice.userId, id);
      skewMs += SCHEDULE.leaseMs + 1;
      assert.equal(await claimOf(id), undefined);
    });

    test('simultaneous claims get each message once', async () => {
      const added = await Promise.all(Array.from({ length: 60 }, () => add()));
      skewMs += HOUR;
      const claimed = (await Promise.all(Array.from({ length: 5 }, () => store.scheduled.claim(25)))).flat();
      // Simultaneous claims may have met, and got fewer than they asked for.
      claimed.push(...(await claimAll()));
      const own = claimed.filter(({ sender }) => sender.userId === alice.userId).map(({ id }) => id);
      assert.deepEqual(own.toSorted(), added.map(({ id }) => id).toSorted());
    });

    test('a cancelled message is never claimed, and a claimed one can no longer be cancelled', async () => {
      const [first, second] = [await add(), await add()];
      assert.equal(await store.scheduled.cancel(alice.userId, first.id), 'cancelled');
      assert.equal(await store.scheduled.cancel(alice.userId, first.id), 'none');
      assert.equal(await store.scheduled.cancel(bob.userId, second.id), 'none');
      skewMs += HOUR;
      assert.deepEqual(
        (await claimAll()).map(({ id }) => id).filter((id) => id === first.id),
        [],
      );
      assert.equal(await store.scheduled.cancel(alice.userId, second.id), 'sending');
      skewMs += SCHEDULE.leaseMs + 1;
      // The im-server that claimed it may have sent it.
      assert.equal(await store.scheduled.cancel(alice.userId, second.id), 'sending');
      assert.equal((await store.scheduled.list(alice.userId))[0]?.sending, true);
      await store.scheduled.sent(alice.userId, second.id);
      assert.equal(await store.scheduled.cancel(alice.userId, second.id), 'none');
    });

    test('a refused message stays listed with its problem for a week, and is not claimed', async () => {
      const { id } = await add();
      skewMs += HOUR;
      assert.ok(await claimOf(id));
      const refusal = { code: '9501', text: 'The recipient has\nblocked you' };
      assert.equal(await store.scheduled.refuse(alice.userId, id, refusal), true);
      assert.equal(await store.scheduled.refuse(alice.userId, id, refusal), false);
      const [listed] = await store.scheduled.list(alice.userId);
      const { at, ...problem } = listed?.refused ?? { at: 0 };
      assert.deepEqual([problem, listed?.sending], [refusal, false]);
      assert.ok(Math.abs(at - (Date.now() + skewMs)) < 60_000);
      skewMs += SCHEDULE.refusedMs - 1_000;
      assert.equal(await claimOf(id), undefined);
      assert.deepEqual(await ids(), [id]);
      skewMs += 2_000;
      await claimAll();
      assert.deepEqual(await ids(), []);
    });

    test('a refused message is no longer listed after it was cancelled', async () => {
      const { id } = await add();
      skewMs += HOUR;
      await claimAll();
      await store.scheduled.refuse(alice.userId, id, { code: '9501', text: '' });
      assert.equal(await store.scheduled.cancel(alice.userId, id), 'cancelled');
      assert.deepEqual(await ids(), []);
      assert.equal(await store.scheduled.refuse(alice.userId, id, { code: '9501', text: '' }), false);
    });

    test('the number of a user’s messages is limited; a refused one makes room', async () => {
      const all = [await add({ most: 2 }), await add({ most: 2 })];
      assert.deepEqual(await store.scheduled.add(message({ most: 2 })), { outcome: 'full' });
      skewMs += HOUR;
      await claimAll();
      for (const { id } of all) await store.scheduled.refuse(alice.userId, id, { code: '9501', text: 'x' });
      const third = await add({ most: 2 });
      const left = await ids();
      assert.equal(left.length, 2);
      assert.ok(left.includes(third.id));
      await add({ most: Number.POSITIVE_INFINITY });
    });

    test('a time too far ahead or in the past is refused; one that has just passed means now', async () => {
      const now = Date.now() + skewMs;
      for (const when of [
        { at: now + SCHEDULE.aheadMs + 60_000 },
        { afterMs: SCHEDULE.aheadMs + 1 },
        { at: now - SCHEDULE.passedMs - 60_000 },
      ]) {
        const answer = await store.scheduled.add(message({ when }));
        assert.ok(answer.outcome === 'time' && Math.abs(answer.now - now) < 60_000, JSON.stringify(answer));
      }
      const { id } = await add({ when: { at: now - 5_000 } });
      assert.ok(await claimOf(id));
    });

    test('a request repeated with its key schedules once, also when the message was cancelled meanwhile', async () => {
      const given = { key: 'a-key-of-mine', when: { afterMs: HOUR } };
      const first = await add(given);
      assert.deepEqual(await add(given), first);
      assert.deepEqual(await store.scheduled.add(message({ ...given, content: Buffer.from('other') })), {
        outcome: 'conflict',
      });
      assert.deepEqual(await store.scheduled.add(message({ ...given, when: { afterMs: 2 * HOUR } })), {
        outcome: 'conflict',
      });
      assert.deepEqual(await ids(), [first.id]);
      assert.notEqual((await add({ ...given, sender: bob, to: inboxOf(alice.userId) })).id, first.id);
      await store.scheduled.cancel(alice.userId, first.id);
      assert.deepEqual(await add(given), first);
      assert.deepEqual(await ids(), []);
    });

    test('waiting, tried and refused messages survive a restart', async () => {
      const [waiting, tried, refused] = [
        await add({ when: { afterMs: 9 * HOUR } }),
        await add(),
        await add(),
      ];
      skewMs += HOUR;
      await claimAll();
      await store.scheduled.refuse(alice.userId, refused.id, { code: '9203', text: 'muted' });
      const before = await store.scheduled.list(alice.userId);
      const count = await store.scheduled.count();
      store = await opened.reopen();
      assert.deepEqual(await store.scheduled.list(alice.userId), before);
      assert.equal((await store.scheduled.count()).waiting, count.waiting);
      assert.equal(await store.scheduled.cancel(alice.userId, tried.id), 'sending');
      skewMs += SCHEDULE.leaseMs + 1;
      assert.notEqual((await claimOf(tried.id))?.triedMs, undefined);
      assert.equal(await store.scheduled.cancel(alice.userId, waiting.id), 'cancelled');
    });

    test('counts waiting and due messages and their delay, also claimed ones', async () => {
      for (const { id, sender } of await claimAll()) await store.scheduled.sent(sender.userId, id);
      const before = await store.scheduled.count();
      const { id } = await add();
      await add({ when: { afterMs: 3 * HOUR } });
      skewMs += 2 * HOUR;
      for (const claims of [false, true]) {
        if (claims) await claimAll();
        const { waiting, due, lateMs } = await store.scheduled.count();
        assert.ok(Math.abs(lateMs - HOUR) < 60_000 || before.waiting > 0, String(lateMs));
        assert.equal(waiting, before.waiting + 2);
        assert.ok(due >= 1);
      }
      await store.scheduled.sent(alice.userId, id);
      assert.equal((await store.scheduled.count()).waiting, before.waiting + 1);
    });
  });
}
