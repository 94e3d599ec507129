import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inboxOf, type Seq, type UserId } from '@cim/protocol';
import {
  append,
  appendOk,
  newGroup,
  newPair,
  newUser,
  type OpenedStore,
  type OpenStore,
  Sends,
} from '../test/contract-fixture.ts';
import { MOST_BLOCKS } from './blocks.ts';
import type { Store } from './store.ts';

export function blocksContract(open: OpenStore): void {
  describe('blocks', () => {
    let opened: OpenedStore;
    let store: Store;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    test('a blocked user cannot send to the user who blocked it until it is unblocked; others can', async () => {
      const { sends, to, inbox } = await newPair(store);
      const other = new Sends(inbox, await newUser(store));
      await appendOk(store, sends.item(1));
      assert.equal(await store.blocks.block(to.userId, sends.sender.userId), 'ok');
      assert.deepEqual(await append(store, sends.item(2)), { outcome: 'blocked' });
      assert.deepEqual(await append(store, sends.item(0)), { outcome: 'blocked' });
      // A send that was stored before is still answered: its answer was lost, and the sender asks again.
      assert.deepEqual(await append(store, sends.item(1)), { outcome: 'duplicate', seq: 1 });
      assert.equal(await appendOk(store, other.item(1)), 2);
      // The other direction is not blocked.
      await appendOk(store, new Sends(inboxOf(sends.sender.userId), to).item(1));
      await store.blocks.unblock(to.userId, sends.sender.userId);
      await appendOk(store, sends.item(2));
    });

    test('messages from before the block stay', async () => {
      const { sends, to, inbox } = await newPair(store);
      await appendOk(store, sends.item(1));
      await store.blocks.block(to.userId, sends.sender.userId);
      const entries = await store.streams.read(inbox, 1 as Seq, 10);
      assert.equal(entries.length, 1);
    });

    test('groups are not affected', async () => {
      const [alice, bob] = [await newUser(store), await newUser(store)];
      const group = await newGroup(store, alice, bob);
      await store.blocks.block(alice.userId, bob.userId);
      await appendOk(store, new Sends(group, bob).item(1));
    });

    test('the list is ascending and has each user once, however often users were blocked and unblocked', async () => {
      const { userId } = await newUser(store);
      assert.deepEqual(await store.blocks.list(userId), []);
      for (const id of [2_110, 110, 21, 110]) await store.blocks.block(userId, id as UserId);
      assert.deepEqual(await store.blocks.list(userId), [21, 110, 2_110]);
      for (const id of [110, 10, 110]) await store.blocks.unblock(userId, id as UserId);
      assert.deepEqual(await store.blocks.list(userId), [21, 2_110]);
      for (const id of [21, 2_110]) await store.blocks.unblock(userId, id as UserId);
      assert.deepEqual(await store.blocks.list(userId), []);
    });

    test('a user blocks 1,000 others at most', async () => {
      const { userId } = await newUser(store);
      const all = Array.from({ length: MOST_BLOCKS }, (_, i) => (10_000 + i) as UserId);
      const answers = await Promise.all(all.map((id) => store.blocks.block(userId, id)));
      assert.ok(answers.every((answer) => answer === 'ok'));
      assert.equal(await store.blocks.block(userId, 9 as UserId), 'full');
      // A user who is blocked already needs no room.
      assert.equal(await store.blocks.block(userId, 10_007 as UserId), 'ok');
      assert.deepEqual(await store.blocks.list(userId), all);
    });

    test('blocks survive a restart', async () => {
      const { sends, to } = await newPair(store);
      await store.blocks.block(to.userId, sends.sender.userId);
      store = await opened.reopen();
      assert.deepEqual(await store.blocks.list(to.userId), [sends.sender.userId]);
      assert.deepEqual(await append(store, sends.item(1)), { outcome: 'blocked' });
    });
  });
}
