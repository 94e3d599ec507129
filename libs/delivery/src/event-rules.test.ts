/** The rules for events about messages, with a real store. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TimingWheel, TurnFlusher } from '@cim/channel';
import { openEmbeddedMembership } from '@cim/discovery';
import {
  cim,
  CODES,
  type CodeName,
  groupStream,
  inboxOf,
  LOBBY,
  messageId,
  type MessageId,
  type NamedUser,
  parseUserName,
  type ProducerId,
  type Seq,
  type StreamRef,
} from '@cim/protocol';
import { RpcClient } from '@cim/rpc';
import { silentLogger } from '@cim/runtime';
import { openEmbeddedStore, RETENTION, type Store } from '@cim/store';
import { until } from '@cim/testkit';
import { createMessaging, type Messaging } from './messaging.ts';
import type { SendReceipt } from './send-request.ts';

const DAY_MS = 24 * 3_600_000;
const wheel = new TimingWheel();
const logger = silentLogger();
const rpc = new RpcClient({ secret: 's', flusher: new TurnFlusher(), wheel, logger });
const membership = openEmbeddedMembership();
let dir: string;
let store: Store;
let messaging: Messaging;
let alice: NamedUser;
let bob: NamedUser;
let eve: NamedUser;
/** How far the servers' clock is ahead of the store's [ms]. */
let ahead = 0;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cim-events-'));
  store = await openEmbeddedStore({ dir, logger });
  messaging = createMessaging({ ...{ store, membership, rpc, logger }, now: () => Date.now() + ahead });
  const register = async (name: string): Promise<NamedUser> => {
    const parsed = parseUserName(name);
    assert.ok(parsed.ok);
    return (await store.accounts.register(parsed.name)).account;
  };
  [alice, bob, eve] = [await register('alice'), await register('bob'), await register('eve')];
});
after(async () => {
  await rpc.stop();
  await store.stop();
  await rm(dir, { recursive: true, force: true });
});

const text = cim.Content.encode({ texts: ['hello'] }).finish();
const event = (type: string, ref: MessageId, ...texts: string[]): Uint8Array =>
  cim.Content.encode({ type, ref, texts }).finish();

/** Sends with an idempotency key. Answers the receipt and the id of the message. */
const say = (
  actor: NamedUser,
  to: StreamRef,
  content: Uint8Array,
): Promise<{ readonly receipt: SendReceipt; readonly id: MessageId }> =>
  messaging.sends.sendKeyed({ door: 'v1', actor, to, content });

async function stored(actor: NamedUser, to: StreamRef, content = text): Promise<MessageId> {
  const { receipt, id } = await say(actor, to, content);
  assert.equal(receipt.outcome, 'stored');
  return id;
}

async function refused(actor: NamedUser, to: StreamRef, content: Uint8Array, name: CodeName): Promise<void> {
  const before = await store.streams.position(to);
  const { receipt } = await say(actor, to, content);
  assert.ok(receipt.outcome === 'refused', receipt.outcome);
  assert.equal(receipt.code, CODES[name].code);
  assert.equal((await store.streams.position(to)).top, before.top, 'nothing is stored');
}

test('a sender recalls and edits its own message; the other side may only react', async () => {
  const id = await stored(alice, inboxOf(bob.userId));
  await refused(bob, inboxOf(alice.userId), event('edit', id, 'I never said that'), 'notYours');
  await refused(bob, inboxOf(alice.userId), event('recall', id), 'notYours');
  await stored(bob, inboxOf(alice.userId), event('reaction', id, '\u{1f44d}'));
  await stored(alice, inboxOf(bob.userId), event('edit', id, 'hello there'));
  await stored(alice, inboxOf(bob.userId), event('recall', id));
  await refused(alice, inboxOf(bob.userId), event('edit', id, 'again'), 'unknownMessage');
  await refused(bob, inboxOf(alice.userId), event('reaction', id, '\u{1f44d}'), 'unknownMessage');
  // A repeated recall: its sender did not learn that the first one was stored.
  await stored(alice, inboxOf(bob.userId), event('recall', id));
  await refused(bob, inboxOf(alice.userId), event('recall', id), 'notYours');
});

test('an event counts for nobody as unread, and the store finds it by its message', async () => {
  const id = await stored(alice, inboxOf(bob.userId));
  const { shown, top } = await store.streams.position(inboxOf(bob.userId));
  await stored(alice, inboxOf(bob.userId), event('edit', id, 'better'));
  const after = await store.streams.position(inboxOf(bob.userId));
  assert.deepEqual([after.shown, after.top], [shown, top + 1]);
  const events = await store.streams.events(inboxOf(bob.userId), after.top);
  assert.deepEqual(events, [{ seq: after.top, about: id }]);
});

test('a message can be recalled for 24 hours', async () => {
  const [first, second] = [
    await stored(alice, inboxOf(bob.userId)),
    await stored(alice, inboxOf(bob.userId)),
  ];
  ahead = DAY_MS - 60_000;
  try {
    await stored(alice, inboxOf(bob.userId), event('recall', first));
    ahead = DAY_MS + 60_000;
    await refused(alice, inboxOf(bob.userId), event('recall', second), 'tooLate');
    await stored(alice, inboxOf(bob.userId), event('edit', second, 'an edit has no limit'));
    await stored(alice, inboxOf(bob.userId), event('recall', first));
  } finally {
    ahead = 0;
  }
});

test('the message must be one of that conversation', async () => {
  const id = await stored(alice, inboxOf(bob.userId));
  await refused(alice, inboxOf(eve.userId), event('recall', id), 'unknownMessage');
  await refused(eve, inboxOf(bob.userId), event('reaction', id, 'x'), 'unknownMessage');
  const never = messageId(alice.userId, 'never-was-a-producer' as ProducerId, 1);
  await refused(alice, inboxOf(bob.userId), event('edit', never, 'x'), 'unknownMessage');
  await refused(alice, inboxOf(bob.userId), event('edit', 'no id' as MessageId, 'x'), 'unknownMessage');
});

test('in the lobby nobody is above the sender', async () => {
  const lobby = groupStream(LOBBY);
  const id = await stored(alice, lobby);
  await refused(bob, lobby, event('recall', id), 'notYours');
  await stored(bob, lobby, event('reaction', id, 'x'));
  await stored(alice, lobby, event('recall', id));
});

test('only servers write changes of members, and a type needs a valid name', async () => {
  const member = cim.Content.encode({ type: 'member', body: Buffer.from('{"op":"disband"}') }).finish();
  await refused(alice, groupStream(LOBBY), member, 'unknownType');
  await refused(alice, inboxOf(bob.userId), member, 'unknownType');
  await refused(alice, inboxOf(bob.userId), event('Not A Type', '' as MessageId), 'unknownType');
  await refused(alice, inboxOf(bob.userId), event('recall', '' as MessageId), 'invalid');
});

test('sends behind an event keep their places, and get no gap while it is checked', async () => {
  const producer = 'a-producer-of-alice' as ProducerId;
  const id = await stored(alice, inboxOf(bob.userId));
  const contents = [text, event('edit', id, 'one'), text, event('edit', id, 'two'), text];
  const receipts = await Promise.all(
    contents.map(
      (content, i) =>
        new Promise<SendReceipt>((resolve) =>
          messaging.sends.send(
            { door: 'tcp', actor: alice, to: inboxOf(bob.userId), producer, counter: i + 1, content },
            resolve,
          ),
        ),
    ),
  );
  const seqs = receipts.map((receipt) => (receipt.outcome === 'stored' ? receipt.seq : (0 as Seq)));
  assert.deepEqual(
    seqs,
    seqs.map((_, i) => (seqs[0] ?? 0) + i),
    JSON.stringify(receipts),
  );
});

/** Sends with an idempotency key of the caller's choice. */
const sayKeyed = async (content: Uint8Array, key: string): Promise<SendReceipt> =>
  (await messaging.sends.sendKeyed({ door: 'v1', actor: alice, to: inboxOf(bob.userId), content, key }))
    .receipt;

/** Sends from alice to bob with a counter. */
const sayCounted = (
  content: Uint8Array,
  producer: string,
  counter: number,
  again: boolean,
): Promise<SendReceipt> =>
  new Promise((resolve) =>
    messaging.sends.send(
      {
        ...{ door: 'tcp', actor: alice, to: inboxOf(bob.userId), counter, again, content },
        producer: producer as ProducerId,
      },
      resolve,
    ),
  );

test('after its message was recalled, a repeated event is answered as stored and a new one is refused', async () => {
  const id = await stored(alice, inboxOf(bob.userId));
  const edit = event('edit', id, 'better');
  assert.equal((await sayKeyed(edit, 'an edit')).outcome, 'stored');
  assert.equal((await sayCounted(edit, 'a-producer-that-edits', 1, false)).outcome, 'stored');
  await stored(alice, inboxOf(bob.userId), event('recall', id));
  const { top } = await store.streams.position(inboxOf(bob.userId));

  assert.equal((await sayKeyed(edit, 'an edit')).outcome, 'stored');
  assert.equal((await sayCounted(edit, 'a-producer-that-edits', 1, true)).outcome, 'stored');
  assert.equal((await sayKeyed(edit, 'another edit')).outcome, 'refused');
  assert.equal((await sayCounted(edit, 'a-producer-that-edits', 2, true)).outcome, 'refused');
  assert.equal((await sayCounted(edit, 'another-producer-that-edits', 1, true)).outcome, 'refused');
  assert.equal((await store.streams.position(inboxOf(bob.userId))).top, top, 'nothing more is stored');
});

test('an event that was refused when it was sent again is not stored later, nor what was sent behind it', async () => {
  const to = inboxOf(bob.userId);
  const id = await stored(alice, to);
  const recall = event('recall', id);
  const producer = 'a-producer-that-recalls';
  ahead = DAY_MS + 60_000;
  try {
    for (const again of [false, true])
      assert.equal((await sayCounted(recall, producer, 1, again)).outcome, 'refused');
    assert.equal((await sayKeyed(recall, 'a late recall')).outcome, 'refused');
  } finally {
    // The clock of another im-server, or an owner that is one again.
    ahead = 0;
  }
  const { top } = await store.streams.position(to);
  // Under way on another connection all the while.
  assert.equal((await sayCounted(recall, producer, 1, false)).outcome, 'unknown-producer');
  assert.equal((await sayCounted(text, producer, 2, false)).outcome, 'unknown-producer');
  const late = await sayKeyed(recall, 'a late recall');
  assert.ok(late.outcome === 'refused' && /another Idempotency-Key$/.test(late.text));
  assert.equal((await store.streams.position(to)).top, top, 'nothing is stored');
  assert.equal((await sayCounted(recall, 'another-producer-of-alice', 1, false)).outcome, 'stored');
});

test('a recall that is repeated after its message was trimmed is answered as stored', async () => {
  const other = await mkdtemp(join(tmpdir(), 'cim-events-'));
  const small = await openEmbeddedStore({ dir: other, logger, limits: { ...RETENTION, maxEntries: 4 } });
  const usual = messaging;
  messaging = createMessaging({ store: small, membership, rpc, logger });
  try {
    for (const name of ['alice', 'bob']) {
      const parsed = parseUserName(name);
      assert.ok(parsed.ok);
      await small.accounts.register(parsed.name);
    }
    const to = groupStream(LOBBY);
    const id = await stored(alice, to);
    const recall = event('recall', id);
    const say = async (): Promise<string> =>
      (await messaging.sends.sendKeyed({ door: 'v1', actor: alice, to, content: recall, key: 'a recall' }))
        .receipt.outcome;
    assert.equal(await say(), 'stored');
    for (let more = 0; more < 3; more++) await stored(alice, to);
    await until('the message is trimmed', async () => (await small.streams.position(to)).first > 1);
    const { top } = await small.streams.position(to);
    assert.equal(await say(), 'stored');
    assert.equal((await small.streams.position(to)).top, top, 'nothing more is stored');
  } finally {
    messaging = usual;
    await small.stop();
    await rm(other, { recursive: true, force: true });
  }
});
