import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type GroupId, groupStream, inboxOf, type NamedUser, type ProducerId } from '@cim/protocol';
import { newUser, type OpenedStore, type OpenStore } from '../test/contract-fixture.ts';
import { HELD, type NewHeld } from './held.ts';
import type { Store } from './store.ts';

export function heldContract(open: OpenStore): void {
  describe('held messages', () => {
    let opened: OpenedStore;
    let store: Store;
    let alice: NamedUser;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());
    beforeEach(async () => {
      alice = await newUser(store);
      for (const { id } of (await store.held.list(1_000)).items) await store.held.decide(id, 'refuse');
      for (const { id } of await store.held.allowed(1_000)) await store.held.settle(id);
    });

    const message = (more: Partial<NewHeld> = {}): NewHeld => ({
      id: randomBytes(24).toString('base64url') as ProducerId,
      ...{ sender: alice, to: inboxOf(alice.userId), content: Buffer.from('x'), reason: '', ...more },
    });
    const add = async (more: Partial<NewHeld> = {}): Promise<NewHeld> => {
      const given = message(more);
      assert.equal(await store.held.add(given, 100), 'ok');
      return given;
    };
    const ids = async (): Promise<ProducerId[]> => (await store.held.list(100)).items.map(({ id }) => id);
    const allowedIds = async (): Promise<ProducerId[]> => (await store.held.allowed(100)).map(({ id }) => id);

    test('a message is listed with all its fields, also after a restart, the oldest first', async () => {
      const group = groupStream('17' as GroupId);
      const first = await add({ to: group, content: randomBytes(200), reason: 'a "reason"\nü' });
      const second = await add();
      store = await opened.reopen();
      const { items, waiting } = await store.held.list(100);
      assert.equal(waiting, 2);
      assert.ok((items[0]?.heldAt ?? 0) <= (items[1]?.heldAt ?? 0));
      const listed = items.find(({ id }) => id === first.id);
      assert.ok(listed !== undefined && Math.abs(listed.heldAt - Date.now()) < 3_600_000);
      assert.deepEqual(
        { ...listed, content: Buffer.from(listed.content), heldAt: 0 },
        { ...first, heldAt: 0 },
      );
      assert.deepEqual(new Set(items.map(({ id }) => id)), new Set([first.id, second.id]));
      assert.equal((await store.held.list(1)).items.length, 1);
    });

    test('a message that is held again is known, whatever became of it, and is not listed again', async () => {
      const given = await add();
      assert.equal(await store.held.knows(message().id), false);
      assert.equal(await store.held.knows(given.id), true);
      assert.equal(await store.held.add({ ...given, content: Buffer.from('other') }, 100), 'known');
      await store.held.decide(given.id, 'allow');
      assert.equal(await store.held.add(given, 100), 'known');
      await store.held.settle(given.id);
      store = await opened.reopen();
      assert.equal(await store.held.knows(given.id), true);
      assert.equal(await store.held.add(given, 100), 'known');
      assert.deepEqual(await ids(), []);
    });

    test('a message is decided once; a refused one is forgotten', async () => {
      const given = await add();
      const decided = await store.held.decide(given.id, 'refuse');
      assert.equal(decided?.sender.userName, alice.userName);
      for (const verdict of ['allow', 'refuse'] as const)
        assert.equal(await store.held.decide(given.id, verdict), undefined);
      assert.equal(await store.held.decide(message().id, 'allow'), undefined);
      assert.deepEqual([await ids(), await allowedIds()], [[], []]);
    });

    test('an allowed message can be had until it is settled, also after a restart', async () => {
      const given = await add({ content: Buffer.from('hello') });
      assert.equal((await store.held.decide(given.id, 'allow'))?.id, given.id);
      assert.equal(await store.held.decide(given.id, 'refuse'), undefined);
      store = await opened.reopen();
      const [allowed] = await store.held.allowed(100);
      assert.deepEqual([allowed?.id, Buffer.from(allowed?.content ?? []).toString()], [given.id, 'hello']);
      assert.deepEqual(await store.held.list(100), { items: [], waiting: 0 });
      const settled = [await store.held.settle(given.id), await store.held.settle(given.id)];
      assert.deepEqual([settled, await allowedIds()], [[true, false], []]);
    });

    test('a message that waits is not settled', async () => {
      const given = await add();
      assert.equal(await store.held.settle(given.id), false);
      assert.deepEqual(await ids(), [given.id]);
    });

    test('their number is limited, of all senders and of one; what is settled makes room', async () => {
      const given = [await add(), await add({ sender: await newUser(store) })];
      assert.equal(await store.held.add(message(), 2), 'full');
      await store.held.decide(given[0]?.id ?? ('' as ProducerId), 'allow');
      assert.equal(await store.held.add(message(), 2), 'full');
      await store.held.settle(given[0]?.id ?? ('' as ProducerId));
      assert.equal(await store.held.add(message(), 2), 'ok');
      for (let i = 1; i < HELD.mostOfSender; i++) assert.equal(await store.held.add(message(), 1_000), 'ok');
      assert.equal(await store.held.add(message(), 1_000), 'full');
      assert.equal(await store.held.add(message({ sender: await newUser(store) }), 1_000), 'ok');
      const [first = '' as ProducerId] = (await store.held.list(1_000)).items.flatMap(({ id, sender }) =>
        sender.userId === alice.userId ? [id] : [],
      );
      await store.held.decide(first, 'refuse');
      assert.equal(await store.held.add(message(), 1_000), 'ok');
    });

    test('of several decisions at once one counts', async () => {
      const { id } = await add();
      const decided = await Promise.all(
        (['allow', 'refuse', 'allow', 'refuse'] as const).map((verdict) => store.held.decide(id, verdict)),
      );
      assert.equal(decided.filter((one) => one !== undefined).length, 1);
      assert.equal(
        (await allowedIds()).length,
        decided.findIndex((one) => one !== undefined) % 2 === 0 ? 1 : 0,
      );
    });
  });
}
