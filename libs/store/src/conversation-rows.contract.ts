import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { MessageId, Seq, UserId } from '@cim/protocol';
import { AWKWARD_NAMES, newUser, type OpenedStore, type OpenStore } from '../test/contract-fixture.ts';
import type { ConversationRow } from './conversation-rows.ts';
import type { Store } from './store.ts';
import type { Cursor } from './streams.ts';

const row = (peer: number, more: Partial<ConversationRow> = {}): ConversationRow => ({
  ...{ peer: peer as UserId, peerName: `user ${peer}`, lastSeq: (10 * peer) as Seq, lastAt: Date.now() },
  ...{ lastN: peer, unread: 3, read: 2, ...more },
});
const at = (seq: number): Cursor => ({ seq: seq as Seq, id: `1:a-producer-of-tests:${seq}` as MessageId });

/** Registers the tests of the rows of private conversations. */
export function conversationRowsContract(open: OpenStore): void {
  describe('rows of conversations', () => {
    let opened: OpenedStore;
    let store: Store;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    const byPeer = (rows: readonly ConversationRow[]): ConversationRow[] =>
      [...rows].sort((a, b) => a.peer - b.peer);
    async function assertRows(
      user: UserId,
      revision: number,
      folded: Cursor,
      rows: ConversationRow[],
    ): Promise<void> {
      const saved = await store.conversations.load(user);
      assert.deepEqual({ ...saved, rows: byPeer(saved.rows) }, { revision, folded, rows: byPeer(rows) });
    }

    test('of a user without any are empty, and nothing is folded', async () => {
      const { userId } = await newUser(store);
      await assertRows(userId, 0, { seq: 0 as Seq, id: '' as MessageId }, []);
    });

    test('are loaded unchanged; rows that a save does not name stay', async () => {
      const [{ userId }, other] = [await newUser(store), await newUser(store)];
      const [one, two, three] = [row(1), row(2), row(3)];
      assert.equal(await store.conversations.save(userId, 0, at(5), [one, two]), true);
      await assertRows(userId, 1, at(5), [one, two]);
      const changed = { ...two, unread: 0, read: 9, peerName: '' };
      assert.equal(await store.conversations.save(userId, 1, at(7), [changed, three]), true);
      await assertRows(userId, 2, at(7), [one, changed, three]);
      await assertRows(other.userId, 0, { seq: 0 as Seq, id: '' as MessageId }, []);
    });

    test('are not saved by a caller that has not seen the newest ones', async () => {
      const { userId } = await newUser(store);
      assert.equal(await store.conversations.save(userId, 0, at(5), [row(1)]), true);
      const kept = (await store.conversations.load(userId)).rows;
      for (const revision of [0, 2])
        assert.equal(
          await store.conversations.save(userId, revision, at(9), [row(1, { unread: 8 }), row(2)]),
          false,
        );
      await assertRows(userId, 1, at(5), [...kept]);
    });

    test('saved by several callers at once: one of the saves succeeds', async () => {
      const { userId } = await newUser(store);
      const saved = await Promise.all(
        [1, 2, 3, 4].map((peer) => store.conversations.save(userId, 0, at(peer), [row(peer)])),
      );
      assert.equal(saved.filter(Boolean).length, 1);
      const { revision, rows, folded } = await store.conversations.load(userId);
      assert.equal(revision, 1);
      assert.deepEqual(
        rows.map(({ peer }) => peer as number),
        [folded.seq as number],
      );
    });

    test('the revision rises also when no row changes, and the folded cursor may go back', async () => {
      const { userId } = await newUser(store);
      const only = row(1);
      assert.equal(await store.conversations.save(userId, 0, at(5), [only]), true);
      assert.equal(await store.conversations.save(userId, 1, at(6), []), true);
      assert.equal(await store.conversations.save(userId, 2, at(2), []), true);
      await assertRows(userId, 3, at(2), [only]);
    });

    test('of many peers with any name are saved in one step, and survive a restart', async () => {
      const { userId } = await newUser(store);
      const rows = Array.from({ length: 3_000 }, (_, i) =>
        row(i + 1, { peerName: AWKWARD_NAMES[i % AWKWARD_NAMES.length] ?? '' }),
      );
      assert.equal(await store.conversations.save(userId, 0, at(1), rows), true);
      await assertRows(userId, 1, at(1), rows);
      store = await opened.reopen();
      await assertRows(userId, 1, at(1), rows);
    });
  });
}
