import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CimError, type GroupId, LOBBY, type MessageId, type Seq } from '@cim/protocol';
import { Timeline, user } from '../test/timeline.ts';
import { type ConversationRef, conversationName, parseConversation } from './conversation-ref.ts';
import type { Group, Member } from './groups.ts';
import { Histories, type HistoryAsk, type HistoryPage } from './history.ts';

const [alice, bob, carol] = [user(1, 'alice'), user(2, 'bob'), user(3, 'carol')];
const withBob: ConversationRef = { kind: 'user', user: bob.userId };
const withCarol: ConversationRef = { kind: 'user', user: carol.userId };
const group: ConversationRef = { kind: 'group', group: '17' as GroupId };

/** Histories of alice over one stream. With `joined`, she is a member of group 17 from that entry on. */
function historiesOf(timeline: Timeline, joined?: number) {
  const member = {
    ...alice,
    role: 'member',
    muted: false,
    joined: joined as Seq,
    joinedN: 0,
  } as const satisfies Member;
  const histories = new Histories({
    streams: timeline,
    groups: {
      member: () => Promise.resolve(joined === undefined ? undefined : member),
      find: (id) => Promise.resolve(id === '17' ? ({ id } as Group) : undefined),
    },
  });
  return {
    find: (of: ConversationRef, id: MessageId) => histories.find(alice.userId, of, id),
    page: (of: ConversationRef, ask: HistoryAsk) => histories.page(alice.userId, of, ask),
  };
}

const textsOf = ({ items }: HistoryPage): string[] => items.map(({ texts }) => texts.join(' '));
const codeOf = (code: string) => (error: unknown) => error instanceof CimError && error.code === code;

describe('the name of a conversation', () => {
  test('is parsed, and any other text is refused', () => {
    for (const of of [withBob, group, { kind: 'group', group: LOBBY } as const])
      assert.deepEqual(parseConversation(conversationName(of)), of);
    for (const text of [
      '',
      'u',
      'u0',
      'u01',
      'u-1',
      'u1e3',
      'u9007199254740993',
      'g',
      'g01',
      'gx',
      '1',
      'x1',
    ])
      assert.equal(parseConversation(text), undefined, text);
  });
});

describe('history of a private conversation', () => {
  test('holds the messages of both sides, and nothing of other conversations', async () => {
    const timeline = new Timeline();
    timeline.say(bob, 'hello');
    timeline.say(carol, 'of carol');
    timeline.say(alice, 'hello bob', bob);
    timeline.say(alice, 'hello carol', carol);
    timeline.say(alice, 'to myself');
    const { page } = historiesOf(timeline);
    const of = await page(withBob, { limit: 10 });
    assert.deepEqual(
      of.items.map(({ seq, from, texts, n }) => [seq, from.userName, texts[0], n]),
      [
        [1, 'bob', 'hello', 1],
        [3, 'alice', 'hello bob', 2],
      ],
    );
    assert.deepEqual(textsOf(await page(withCarol, { limit: 10 })), ['of carol', 'hello carol']);
    const self: ConversationRef = { kind: 'user', user: alice.userId };
    assert.deepEqual(textsOf(await page(self, { limit: 10 })), ['to myself']);
  });

  test('has pages without gaps and overlaps in both directions while messages arrive', async () => {
    const timeline = new Timeline();
    const said: string[] = [];
    const say = (): void => {
      const text = `text ${timeline.top}`;
      timeline.say(carol, 'another');
      said.push(text);
      if (said.length % 3 === 0) timeline.say(alice, text, bob);
      else timeline.say(bob, text);
    };
    for (let i = 0; i < 700; i++) say();
    const { page } = historiesOf(timeline);
    const newest = await page(withBob, { limit: 30 });
    const older: string[] = [];
    for (let { before } = newest; before !== undefined; ) {
      say();
      const next = await page(withBob, { limit: 30, before });
      assert.equal(next.more, next.before !== undefined);
      older.unshift(...textsOf(next));
      before = next.before;
    }
    const newer: string[] = [];
    for (let after = newest.after, more = true; more; ) {
      const next: HistoryPage = await page(withBob, { limit: 7, after });
      newer.push(...textsOf(next));
      ({ after, more } = next);
    }
    assert.deepEqual([...older, ...textsOf(newest), ...newer], said);
    // Back from a page that was reached forwards.
    const middle = await page(withBob, { limit: 5, after: newest.after });
    assert.deepEqual(textsOf(await page(withBob, { limit: 30, before: middle.before })), textsOf(newest));
  });

  test('shows a message that is far down in one page, and ends a page after 128 KiB or 4,096 entries', async () => {
    const timeline = new Timeline();
    timeline.say(bob, 'far down');
    timeline.say(bob, 'near it');
    for (let i = 0; i < 6_000; i++) timeline.say(carol, 'another');
    const { page } = historiesOf(timeline);
    const far = await page(withBob, { limit: 10 });
    assert.deepEqual(textsOf(far), ['near it']);
    assert.deepEqual(textsOf(await page(withBob, { limit: 10, before: far.before })), ['far down']);
    for (let i = 0; i < 40; i++) timeline.say(bob, 'x'.repeat(4_096));
    assert.equal((await page(withBob, { limit: 100 })).items.length, 32);
  });

  test('ends where the log begins', async () => {
    const timeline = new Timeline();
    for (let i = 1; i <= 600; i++) timeline.say(bob, `text ${i}`);
    timeline.trimTo(590);
    const { page } = historiesOf(timeline);
    const last = await page(withBob, { limit: 100 });
    assert.deepEqual([last.items.length, last.before, last.more], [11, undefined, false]);
    const from = await page(withBob, { limit: 3, after: last.after });
    assert.deepEqual([from.items.length, from.more], [0, false]);
  });

  test('works with a cursor beyond the end after the store went back', async () => {
    const timeline = new Timeline();
    for (let i = 1; i <= 20; i++) timeline.say(bob, `text ${i}`);
    const { page } = historiesOf(timeline);
    const { after } = await page(withBob, { limit: 1 });
    timeline.cutTo(10);
    const none = await page(withBob, { limit: 10, after });
    assert.deepEqual(textsOf(none), []);
    timeline.say(bob, 'new');
    assert.deepEqual(textsOf(await page(withBob, { limit: 10, after: none.after })), ['new']);
    assert.deepEqual(textsOf(await page(withBob, { limit: 2, before: after })), ['text 10', 'new']);
  });

  test('of an unknown user or an empty timeline is an empty page with a cursor to go on', async () => {
    const timeline = new Timeline();
    const { page } = historiesOf(timeline);
    const { after, ...none } = await page(withBob, { limit: 10 });
    assert.deepEqual(none, { items: [], more: false });
    timeline.say(bob, 'first');
    assert.deepEqual(textsOf(await page(withBob, { limit: 10, after })), ['first']);
  });

  test('refuses a cursor of another conversation or user, any other text, and two directions at once', async () => {
    const timeline = new Timeline();
    timeline.say(bob, 'hello');
    timeline.say(bob, 'again');
    const { page } = historiesOf(timeline);
    const { before = '', after = '' } = await page(withBob, { limit: 1 });
    for (const cursor of [before, after]) {
      await assert.rejects(page(withCarol, { limit: 1, before: cursor }), codeOf('9404'));
      await assert.rejects(
        page({ kind: 'group', group: LOBBY }, { limit: 1, after: cursor }),
        codeOf('9404'),
      );
    }
    for (const cursor of ['', 'x', 'é', `${before}=`, Buffer.from('inbox:1 u2 -1').toString('base64url')])
      await assert.rejects(page(withBob, { limit: 1, before: cursor }), codeOf('9404'), cursor);
    await assert.rejects(page(withBob, { limit: 1, before, after }), codeOf('3000'));
  });
});

describe('history of a group', () => {
  test('begins with the entry that made the reader a member, which is listed; that of the lobby is whole', async () => {
    const timeline = new Timeline();
    const before = timeline.say(bob, 'before alice came');
    const joining = timeline.add(bob, { type: 'member', body: Buffer.from('{"op":"add"}') });
    const hello = timeline.say(bob, 'hello alice');
    const { page, find } = historiesOf(timeline, 2);
    const { items, ...of } = await page(group, { limit: 10 });
    assert.deepEqual(
      items.map(({ id, type, body }) => [id, type, body && Buffer.from(body).toString()]),
      [
        [joining, 'member', '{"op":"add"}'],
        [hello, '', undefined],
      ],
    );
    assert.equal(of.before, undefined);
    assert.equal(await find(group, before), undefined);
    assert.equal(await find(group, joining), undefined, 'it is no message');
    assert.equal((await find(group, hello))?.seq, 3);
    assert.equal((await page({ kind: 'group', group: LOBBY }, { limit: 10 })).items.length, 3);
  });

  test('is refused to a user who is not a member, with another code when the group does not exist', async () => {
    const { page, find } = historiesOf(new Timeline());
    await assert.rejects(page(group, { limit: 1 }), codeOf('9201'));
    await assert.rejects(find(group, '1:x:1' as MessageId), codeOf('9201'));
    await assert.rejects(page({ kind: 'group', group: '18' as GroupId }, { limit: 1 }), codeOf('9200'));
  });
});

describe('events', () => {
  const only = async (timeline: Timeline, of: ConversationRef, joined?: number) => {
    const { items } = await historiesOf(timeline, joined).page(of, { limit: 10 });
    assert.equal(items.length, 1, 'events are not listed');
    return items[0];
  };

  test('are folded into the message of a page, also when they come long after it', async () => {
    const timeline = new Timeline();
    const ref = timeline.say(bob, 'first');
    for (let i = 0; i < 500; i++) timeline.say(carol, 'another');
    timeline.add(bob, { type: 'edit', ref, texts: ['second'] });
    for (let i = 0; i < 500; i++) timeline.say(carol, 'another');
    timeline.add(bob, { type: 'edit', ref, texts: ['third'] });
    const item = await only(timeline, withBob);
    assert.deepEqual([item?.texts, item?.editedAt, item?.recalled], [['third'], 2_003, undefined]);
  });

  test('of type recall hide the texts and the body, whatever is edited afterwards', async () => {
    const timeline = new Timeline();
    const ref = timeline.add(bob, { type: 'json', body: Buffer.from('{}'), texts: ['a card'] });
    assert.notEqual((await only(timeline, withBob))?.body, undefined);
    timeline.add(bob, { type: 'recall', ref });
    timeline.add(bob, { type: 'edit', ref, texts: ['it is back'] });
    const item = await only(timeline, withBob);
    assert.deepEqual(
      [item?.texts, item?.body, item?.recalled, item?.type, item?.editedAt],
      [[], undefined, true, 'json', undefined],
    );
    assert.equal((await historiesOf(timeline).find(withBob, ref))?.recalled, true);
  });

  test('of another user change nothing, except the recall by an admin in a group', async () => {
    const timeline = new Timeline();
    const ref = timeline.say(bob, 'of bob');
    timeline.add(alice, { type: 'edit', ref, texts: ['of alice'] }, bob);
    timeline.add(alice, { type: 'recall', ref }, bob);
    assert.deepEqual((await only(timeline, withBob))?.texts, ['of bob']);
    const inGroup = new Timeline();
    const id = inGroup.say(bob, 'of bob');
    inGroup.add(carol, { type: 'edit', ref: id, texts: ['of carol'] });
    assert.deepEqual((await only(inGroup, group, 1))?.texts, ['of bob']);
    inGroup.add(carol, { type: 'recall', ref: id });
    assert.equal((await only(inGroup, group, 1))?.recalled, true);
  });

  test('of another conversation change nothing', async () => {
    const timeline = new Timeline();
    const ref = timeline.say(bob, 'of bob');
    timeline.add(carol, { type: 'reaction', ref, texts: ['👍'] });
    assert.equal((await only(timeline, withBob))?.reactions, undefined);
  });

  test('of type reaction: the newest of each user counts; an empty one removes it', async () => {
    const timeline = new Timeline();
    const ref = timeline.say(bob, 'hello');
    const react = (who: typeof alice, text?: string): void =>
      void timeline.add(who, { type: 'reaction', ref, texts: text === undefined ? [] : [text] });
    react(alice, '👍');
    react(bob, '👍');
    react(carol, '🎉');
    react(alice, '🎉');
    assert.deepEqual((await only(timeline, group, 1))?.reactions, [
      { reaction: '👍', users: [2] },
      { reaction: '🎉', users: [3, 1] },
    ]);
    react(bob);
    react(carol);
    react(alice);
    assert.equal((await only(timeline, group, 1))?.reactions, undefined);
  });

  test('that lie before their message in its sender’s timeline count', async () => {
    const timeline = new Timeline();
    const ref = '1:a-producer-of-tests:2' as MessageId;
    timeline.add(bob, { type: 'reaction', ref, texts: ['👍'] });
    timeline.say(alice, 'the copy came late', bob);
    assert.deepEqual((await only(timeline, withBob))?.reactions, [{ reaction: '👍', users: [2] }]);
  });

  test('by the thousand are read in a few ranges, none of them long', async () => {
    const timeline = new Timeline();
    const ref = timeline.say(bob, 'hello');
    for (let i = 0; i < 3_000; i++) timeline.add(bob, { type: 'reaction', ref, texts: [String(i)] });
    let reads = 0;
    timeline.onRead = () => reads++;
    assert.deepEqual((await only(timeline, withBob))?.reactions, [{ reaction: '2999', users: [2] }]);
    assert.ok(reads < 100, String(reads));
  });
});

describe('a message by its id', () => {
  test('is found with its sender, and not in another conversation', async () => {
    const timeline = new Timeline();
    const own = timeline.say(alice, 'hello', bob);
    const theirs = timeline.say(bob, 'hello alice');
    const event = timeline.add(bob, { type: 'reaction', ref: own, texts: ['👍'] });
    for (let i = 0; i < 1_000; i++) timeline.say(carol, 'another');
    const { find } = historiesOf(timeline);
    assert.deepEqual(await find(withBob, own), { sender: 1, storedAt: 1_001, seq: 1, recalled: false });
    assert.deepEqual(await find(withBob, theirs), { sender: 2, storedAt: 1_002, seq: 2, recalled: false });
    assert.equal(await find(withBob, event), undefined, 'an event is no message');
    assert.equal(await find(withCarol, theirs), undefined);
    assert.equal(await find(withBob, '2:a-producer-of-tests:9' as MessageId), undefined);
  });

  test("of the user itself, whose copy was left out, is found in the recipient's timeline", async () => {
    const timelines = { [alice.userId]: new Timeline(), [bob.userId]: new Timeline() };
    const of = (stream: { readonly kind: string; readonly user?: number }): Timeline =>
      timelines[stream.user ?? 0] ?? new Timeline();
    const id = of({ kind: 'inbox', user: bob.userId }).say(alice, 'to bob');
    const theirs = of({ kind: 'inbox', user: bob.userId }).say(carol, 'of carol to bob');
    const histories = new Histories({
      streams: {
        read: (stream, from, limit) => of(stream).read(stream, from, limit),
        position: (stream) => of(stream).position(),
        events: (stream, from) => of(stream).events(stream, from),
      },
      groups: { member: () => Promise.resolve(undefined), find: () => Promise.resolve(undefined) },
    });
    assert.equal((await histories.find(alice.userId, withBob, id))?.sender, alice.userId);
    assert.equal(await histories.find(alice.userId, withBob, theirs), undefined);
  });
});
