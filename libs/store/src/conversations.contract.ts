import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { cim, groupStream, inboxOf, type MessageId, type NamedUser } from '@cim/protocol';
import { append, newUser, type OpenedStore, type OpenStore, Sends } from '../test/contract-fixture.ts';
import type { ConversationRef } from './conversation-ref.ts';
import { Conversations } from './conversations.ts';
import { changeOf } from './groups.contract.ts';
import { Histories } from './history.ts';
import type { Store } from './store.ts';
import { type Append, messageIdOf } from './streams.ts';

/**
 * Tests histories and conversation lists on a whole store: its timelines, counts, groups and rows must fit
 * together.
 */
export function conversationsContract(open: OpenStore): void {
  describe('conversations', () => {
    let opened: OpenedStore;
    let store: Store;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    const withUser = ({ userId }: NamedUser): ConversationRef => ({ kind: 'user', user: userId });
    /** Sends a message, and answers its id. */
    async function say(item: Append, content: cim.Content.$Properties, silent = false): Promise<MessageId> {
      const about = silent ? ((content.ref ?? '') as MessageId) : undefined;
      const bytes = cim.Content.encode(content).finish();
      const answer = await append(store, { ...item, content: bytes, silent, about });
      assert.ok(answer.outcome === 'ok', JSON.stringify(answer));
      return messageIdOf({ ...item, ...answer, content: bytes });
    }
    const texts = async (user: NamedUser, of: ConversationRef): Promise<string[]> => {
      const { items } = await new Histories(store).page(user.userId, of, { limit: 10 });
      return items.map(
        (item) => `${item.n} ${item.from.userName}: ${item.recalled === true ? '-' : item.texts.join()}`,
      );
    };

    test('both sides of a private conversation read the same, with a recall folded in, and count unread messages', async () => {
      const [alice, bob] = [await newUser(store), await newUser(store)];
      const toBob = new Sends(inboxOf(bob.userId), alice);
      const toAlice = new Sends(inboxOf(alice.userId), bob);
      await say(toBob.item(1), { texts: ['one'] });
      const second = await say(toAlice.item(1), { texts: ['two'] });
      await say(toBob.item(2), { texts: ['three'] });
      await say(toBob.item(3), { texts: ['four'] });
      await say(toAlice.item(2), { type: 'recall', ref: second }, true);
      const said = (ns: readonly number[]): string[] =>
        [
          `${alice.userName}: one`,
          `${bob.userName}: -`,
          `${alice.userName}: three`,
          `${alice.userName}: four`,
        ].map((line, i) => `${ns[i]} ${line}`);
      assert.deepEqual(await texts(bob, withUser(alice)), said([1, 1, 2, 3]));
      assert.deepEqual(await texts(alice, withUser(bob)), said([0, 1, 1, 1]));

      const conversations = new Conversations(store);
      const { items } = await conversations.list(bob.userId, { limit: 10 });
      assert.deepEqual(
        items
          .filter(({ of }) => of.kind === 'user')
          .map(({ name, unread, last }) => [name, unread, last?.texts]),
        [[alice.userName, 2, ['four']]],
      );
      assert.equal((await conversations.one(alice.userId, withUser(bob))).unread, 0);
      assert.deepEqual(await conversations.read(bob.userId, withUser(alice), 3), {
        unread: 0,
        read: 3,
        moved: true,
      });
      assert.equal((await new Conversations(store).one(alice.userId, withUser(bob))).peerRead, 3);
    });

    test('a member of a group reads and counts messages from its join on', async () => {
      const [owner, late] = [await newUser(store), await newUser(store)];
      const group = await store.groups.newId();
      const of: ConversationRef = { kind: 'group', group };
      const change = (actor: NamedUser, operation: NonNullable<Append['operation']>): Promise<MessageId> =>
        say(changeOf(group, actor, operation), { type: 'member', body: Buffer.from('{}') }, true);
      await change(owner, { kind: 'create', name: 'Crew', category: '', join: 'open', users: [] });
      const sends = new Sends(groupStream(group), owner);
      await say(sends.item(1), { texts: ['before'] });
      await change(late, { kind: 'join' });
      await say(sends.item(2), { texts: ['after'] });
      const conversations = new Conversations(store);
      const { unread, name } = await conversations.one(late.userId, of);
      assert.deepEqual([unread, name], [1, 'Crew']);
      const shown = await texts(late, of);
      assert.equal(shown.at(-1), `2 ${owner.userName}: after`);
      assert.ok(!shown.some((line) => line.includes('before')));
      assert.equal((await conversations.one(owner.userId, of)).unread, 0);
      assert.deepEqual(await conversations.read(late.userId, of, 2), { unread: 0, read: 2, moved: true });
      await change(late, { kind: 'leave' });
      await assert.rejects(conversations.one(late.userId, of));
      await assert.rejects(texts(late, of));
    });
  });
}
