import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CimError, type GroupId, LOBBY, type NamedUser, type UserId } from '@cim/protocol';
import { MemoryStore } from '../test/memory-store.ts';
import { user } from '../test/timeline.ts';
import { type ConversationRef, conversationName } from './conversation-ref.ts';
import { type Conversation, Conversations } from './conversations.ts';

const [alice, bob, carol] = [user(1, 'alice'), user(2, 'bob'), user(3, 'carol')];
const withUser = ({ userId }: NamedUser): ConversationRef => ({ kind: 'user', user: userId });
const group17: ConversationRef = { kind: 'group', group: '17' as GroupId };
const lobby: ConversationRef = { kind: 'group', group: LOBBY };
const codeOf = (code: string) => (error: unknown) => error instanceof CimError && error.code === code;

function start() {
  const store = new MemoryStore(alice, bob, carol);
  const conversations = new Conversations(store);
  const list = async (): Promise<string[]> =>
    (await conversations.list(alice.userId, { limit: 100 })).items.map(line);
  return { store, timeline: store.inbox(alice), conversations, list };
}

const line = ({ of, name, last, unread, read }: Conversation): string =>
  `${conversationName(of)} ${name}: ${last?.texts.join(' ') ?? '-'} (${unread} unread, read to ${read})`;

describe('private conversations', () => {
  test('have the newest message of both sides, the unread count and a name, newest first', async () => {
    const { timeline, list } = start();
    timeline.say(bob, 'hello');
    timeline.say(bob, 'hello?');
    timeline.say(alice, 'hello carol', carol);
    assert.deepEqual(await list(), [
      'u3 carol: hello carol (0 unread, read to 2)',
      'u2 bob: hello? (2 unread, read to 0)',
    ]);
  });

  test("are read up to the user's own newest message", async () => {
    const { timeline, list } = start();
    timeline.say(bob, 'one');
    timeline.say(carol, 'two');
    timeline.say(alice, 'three', bob);
    timeline.say(bob, 'four');
    assert.deepEqual(await list(), [
      'u2 bob: four (1 unread, read to 2)',
      'u3 carol: two (1 unread, read to 0)',
    ]);
    timeline.say(alice, 'to myself');
    assert.equal((await list())[0], 'u1 alice: to myself (0 unread, read to 4)');
  });

  test('show the last message with the events about it; an event is no message and marks nothing as read', async () => {
    const { timeline, list } = start();
    const ref = timeline.say(bob, 'one');
    timeline.say(carol, 'two');
    timeline.add(bob, { type: 'edit', ref, texts: ['better'] });
    timeline.add(alice, { type: 'reaction', ref, texts: ['👍'] }, bob);
    assert.deepEqual(await list(), [
      'u3 carol: two (1 unread, read to 0)',
      'u2 bob: better (1 unread, read to 0)',
    ]);
  });

  test('are folded once: folded entries are not read again', async () => {
    const { timeline, list, conversations } = start();
    for (let i = 0; i < 1_000; i++) timeline.say(bob, `text ${i}`);
    await conversations.foldNow(alice.userId);
    timeline.say(bob, 'new');
    let read = 0;
    timeline.onRead = () => read++;
    assert.deepEqual(await list(), ['u2 bob: new (1001 unread, read to 0)']);
    assert.equal(read, 2, 'the new entry, and the last one to show it');
    await list();
    assert.equal(read, 3);
  });

  test('miss messages that were trimmed before they were folded, and a read mark corrects the count', async () => {
    const { timeline, list, conversations } = start();
    timeline.say(carol, 'trimmed');
    timeline.say(bob, 'folded');
    await list();
    for (let i = 0; i < 10; i++) timeline.say(bob, `text ${i}`);
    timeline.trimTo(8);
    assert.deepEqual(await list(), [
      'u2 bob: text 9 (6 unread, read to 0)',
      'u3 carol: - (1 unread, read to 0)',
    ]);
    assert.deepEqual(await conversations.read(alice.userId, withUser(bob), 11), {
      ...{ unread: 1, read: 11, moved: true },
    });
    await conversations.read(alice.userId, withUser(carol), 12);
    await conversations.read(alice.userId, withUser(bob), 12);
    timeline.trimTo(13);
    assert.deepEqual(await list(), [
      'u2 bob: - (0 unread, read to 12)',
      'u3 carol: - (0 unread, read to 12)',
    ]);
  });
});

describe('a read mark of a private conversation', () => {
  test('only moves forward, counts the rest, and is refused beyond the end', async () => {
    const { timeline, conversations } = start();
    for (const text of ['one', 'two', 'three']) {
      timeline.say(bob, text);
      timeline.say(carol, text);
    }
    const read = (n: number) => conversations.read(alice.userId, withUser(bob), n);
    assert.deepEqual(await read(2), { unread: 2, read: 2, moved: true });
    assert.deepEqual(await read(1), { unread: 2, read: 2, moved: false });
    await assert.rejects(read(7), codeOf('9405'));
    assert.deepEqual(await read(6), { unread: 0, read: 6, moved: true });
    const carols = await conversations.one(alice.userId, withUser(carol));
    assert.deepEqual([carols.unread, carols.read, carols.n], [3, 0, 6]);
  });

  test('is not lost when marks are set and messages folded at the same time', async () => {
    const { timeline, store, conversations } = start();
    for (let i = 1; i <= 8; i++) timeline.say(bob, `text ${i}`);
    let folds = 3;
    store.onSave = async () => {
      if (folds-- <= 0) return;
      timeline.say(bob, 'meanwhile');
      await conversations.foldNow(alice.userId);
    };
    await Promise.all([3, 8, 5].map((n) => conversations.read(alice.userId, withUser(bob), n)));
    const { read, unread, n } = await conversations.one(alice.userId, withUser(bob));
    assert.deepEqual([read, unread], [8, n - 8]);
    assert.ok(n > 8);
  });

  test('is shown to the other side when it asks for the conversation', async () => {
    const { store, conversations } = start();
    store.inbox(alice).say(bob, 'to alice');
    store.inbox(bob).say(bob, 'to alice', alice);
    store.inbox(bob).say(alice, 'to bob');
    store.inbox(alice).say(alice, 'to bob', bob);
    const peerRead = async () => (await conversations.one(alice.userId, withUser(bob))).peerRead;
    assert.equal(await peerRead(), 0);
    await conversations.read(bob.userId, withUser(alice), 1);
    assert.equal(await peerRead(), 1);
  });

  test('of a user without messages moves nothing; of a missing user it is refused', async () => {
    const { conversations } = start();
    assert.deepEqual(await conversations.read(alice.userId, withUser(bob), 0), {
      ...{ unread: 0, read: 0, moved: false },
    });
    assert.equal((await conversations.one(alice.userId, withUser(bob))).name, 'bob');
    const nobody: ConversationRef = { kind: 'user', user: 99 as UserId };
    await assert.rejects(conversations.read(alice.userId, nobody, 0), codeOf('9100'));
    await assert.rejects(conversations.one(alice.userId, nobody), codeOf('9100'));
  });
});

describe('when the store went back', () => {
  test('private conversations equal the log, and marks are cut to its end', async () => {
    const { timeline, list, conversations } = start();
    for (let i = 1; i <= 10; i++) timeline.say(i % 2 === 0 ? bob : carol, `text ${i}`);
    await conversations.read(alice.userId, withUser(bob), 10);
    timeline.cutTo(5);
    assert.deepEqual(await list(), [
      'u3 carol: text 5 (3 unread, read to 0)',
      'u2 bob: text 4 (0 unread, read to 5)',
    ]);
    timeline.say(bob, 'new');
    assert.equal((await list())[0], 'u2 bob: new (1 unread, read to 5)');
    timeline.cutTo(0);
    assert.deepEqual(await list(), []);
  });

  test('and has grown again to at least the same length, the ids of entries show it', async () => {
    for (const more of [0, 5]) {
      const { timeline, list } = start();
      for (let i = 1; i <= 10; i++) timeline.say(bob, `text ${i}`);
      await list();
      timeline.cutTo(5);
      for (let i = 1; i <= 5 + more; i++) timeline.say(carol, `other ${i}`);
      assert.deepEqual(await list(), [
        `u3 carol: other ${5 + more} (${5 + more} unread, read to 0)`,
        'u2 bob: text 5 (5 unread, read to 0)',
      ]);
    }
  });

  test('a mark of a group that lies beyond the end counts as the end', async () => {
    const { store, conversations } = start();
    store.join(alice, '17', 1, 0);
    for (let i = 0; i < 10; i++) store.group('17').say(bob, `text ${i}`);
    await conversations.read(alice.userId, group17, 10);
    store.group('17').cutTo(4);
    const { unread, read, n } = await conversations.one(alice.userId, group17);
    assert.deepEqual([unread, read, n], [0, 4, 4]);
  });
});

describe('groups', () => {
  test('count from the join, the read mark or the newest own message on', async () => {
    const { store, conversations } = start();
    const group = store.group('17');
    const unread = async (): Promise<number> => (await conversations.one(alice.userId, group17)).unread;
    for (let i = 0; i < 5; i++) group.say(bob, `text ${i}`);
    group.add(bob, { type: 'member', body: Buffer.from('{}') });
    store.join(alice, '17', 6, 5);
    assert.equal(await unread(), 0);
    for (let i = 0; i < 5; i++) group.say(bob, `text ${i}`);
    assert.equal(await unread(), 5);
    group.add(alice, { type: 'reaction', ref: '2:x:1', texts: ['👍'] });
    assert.equal(await unread(), 5, 'an event is no message');
    group.say(alice, 'mine');
    assert.equal(await unread(), 0);
    group.say(bob, 'after it');
    assert.equal(await unread(), 1);
    assert.deepEqual(await conversations.read(alice.userId, group17, 5), {
      ...{ unread: 1, read: 11, moved: false },
    });
    assert.deepEqual(await conversations.read(alice.userId, group17, 12), {
      ...{ unread: 0, read: 12, moved: true },
    });
    await assert.rejects(conversations.read(alice.userId, group17, 13), codeOf('9405'));
  });

  test('show nothing from before the join; one without messages is listed by its last change', async () => {
    const { store, list } = start();
    const group = store.group('17');
    group.say(bob, 'before');
    group.add(bob, { type: 'member', body: Buffer.from('{}') });
    store.join(alice, '17', 2, 1);
    store.inbox(alice).say(bob, 'private');
    assert.deepEqual(await list(), [
      'g17 group 17: - (0 unread, read to 1)',
      'u2 bob: private (1 unread, read to 0)',
    ]);
    group.say(bob, 'after');
    assert.equal((await list())[0], 'g17 group 17: after (1 unread, read to 1)');
  });

  test('of others are refused, with another code when there is none', async () => {
    const { store, conversations } = start();
    store.join(bob, '17', 1, 0);
    const group18: ConversationRef = { kind: 'group', group: '18' as GroupId };
    await assert.rejects(conversations.one(alice.userId, group17), codeOf('9201'));
    await assert.rejects(conversations.read(alice.userId, group17, 0), codeOf('9201'));
    await assert.rejects(conversations.one(alice.userId, group18), codeOf('9200'));
  });

  test('the lobby is listed for everybody once it has a message', async () => {
    const { store, list, conversations } = start();
    assert.deepEqual(await list(), []);
    store.group(LOBBY).say(bob, 'hello all');
    assert.deepEqual(await list(), ['globby lobby: hello all (1 unread, read to 0)']);
    await conversations.read(alice.userId, lobby, 1);
    assert.deepEqual(await list(), ['globby lobby: hello all (0 unread, read to 1)']);
  });

  test('a read mark below the user’s own message does not undo that message’s mark, also after the log has lost it', async () => {
    const { store, conversations } = start();
    const log = store.group(LOBBY);
    log.say(bob, 'one');
    log.say(alice, 'two');
    log.say(bob, 'three');
    assert.deepEqual(await conversations.read(alice.userId, lobby, 1), { unread: 1, read: 2, moved: false });
    log.trimTo(3);
    const { unread, read } = await new Conversations(store).one(alice.userId, lobby);
    assert.deepEqual({ unread, read }, { unread: 1, read: 2 });
  });

  test('are read once for all members when these look for their own newest messages', async () => {
    const { store, conversations } = start();
    const group = store.group(LOBBY);
    group.say(carol, 'of carol');
    for (let i = 0; i < 1_000; i++) group.say(bob, `text ${i}`);
    let reads = 0;
    group.onRead = () => reads++;
    const unread = async (of: NamedUser): Promise<number> =>
      (await conversations.one(of.userId, lobby)).unread;
    assert.equal(await unread(alice), 1_001);
    assert.ok(reads > 10);
    reads = 0;
    assert.deepEqual([await unread(carol), await unread(bob)], [1_000, 0]);
    assert.equal(reads, 2, 'the last message of each conversation');
    group.say(alice, 'of alice');
    assert.deepEqual([await unread(alice), await unread(carol), await unread(bob)], [0, 1_001, 1]);
    // The store goes back, so that alice's message is gone.
    group.cutTo(1_001);
    group.say(bob, 'another');
    assert.deepEqual([await unread(alice), await unread(carol), await unread(bob)], [1_002, 1_001, 0]);
  });
});

describe('a list of conversations', () => {
  test('has pages that show each conversation once while others get messages', async () => {
    const { store, timeline, conversations } = start();
    for (let i = 10; i < 30; i++) timeline.say(user(i, `user ${i}`), 'hello');
    for (let i = 50; i < 60; i++) {
      store.join(alice, String(i), 1, 0);
      store.group(String(i)).say(bob, 'hello');
    }
    const all = (await conversations.list(alice.userId, { limit: 100 })).items.map(({ of }) =>
      conversationName(of),
    );
    assert.equal(all.length, 30);
    const paged: string[] = [];
    let before: string | undefined;
    do {
      const page = await conversations.list(alice.userId, { limit: 7, before });
      paged.push(...page.items.map(({ of }) => conversationName(of)));
      before = page.next;
      timeline.say(user(29, 'user 29'), 'again');
    } while (before !== undefined);
    assert.deepEqual(paged, all);
  });

  test('refuses the cursor of another user, of a history, and any other text', async () => {
    const { timeline, conversations } = start();
    for (const peer of [bob, carol]) timeline.say(peer, 'hello');
    const { next = '' } = await conversations.list(alice.userId, { limit: 1 });
    await conversations.list(alice.userId, { limit: 1, before: next });
    await assert.rejects(conversations.list(bob.userId, { limit: 1, before: next }), codeOf('9404'));
    for (const before of ['', 'x', Buffer.from('conversations:1 x u2').toString('base64url')])
      await assert.rejects(conversations.list(alice.userId, { limit: 1, before }), codeOf('9404'));
  });
});
