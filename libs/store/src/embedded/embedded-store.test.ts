import assert from 'node:assert/strict';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CIM_DEVICE,
  type GroupId,
  groupStream,
  type InstanceId,
  inboxOf,
  LOBBY,
  messageId,
  type Seq,
  type UserName,
} from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { CIM, cimOf, logIn } from '../../test/contract-fixture.ts';
import { openEmbeddedForTest } from '../../test/embedded-folder.ts';
import { appendRange, appendTo, PRODUCER, register } from '../../test/stored.ts';
import { RETENTION } from '../streams.ts';
import { openEmbeddedStore } from './embedded-store.ts';
import { FORMAT } from './keys.ts';
import { Ledger } from './ledger.ts';

const DAY_MS = 24 * 3_600_000;
const lobby = groupStream(LOBBY);
const INSTANCE = 'an-instance-here' as InstanceId;

/** The clock of a store, which the test sets. */
class Clock {
  ms = 1_800_000_000_000;
  readonly now = (): number => this.ms;
}

const openFails = (dir: string, message: RegExp): Promise<void> =>
  assert.rejects(openEmbeddedStore({ dir, logger: silentLogger() }), (error: Error) => {
    assert.match(error.message, message);
    assert.ok(error.message.includes(dir) && !error.message.includes('\n'), error.message);
    return true;
  });

test('user ids begin at 1001 and go on where they were after a restart', async (t) => {
  const folder = await openEmbeddedForTest(t);
  assert.equal((await register(folder.store, 'alice')).userId, 1_001);
  const same = await Promise.all(
    Array.from({ length: 20 }, () => folder.store.accounts.register('Bob' as UserName)),
  );
  assert.deepEqual(new Set(same.map(({ account }) => account.userId)), new Set([1_002]));
  assert.equal(same.filter(({ created }) => created).length, 1);
  const store = await folder.reopen();
  assert.equal((await register(store, 'carol')).userId, 1_003);
  assert.equal((await register(store, 'BOB')).userId, 1_002);
});

test('opening the folder ends every lease: users that were online can log in at once, with the next epoch', async (t) => {
  const folder = await openEmbeddedForTest(t);
  const user = await register(folder.store, 'alice');
  const login = { user, instance: INSTANCE, ...CIM, policy: 'reject', secretHash: '' } as const;
  await folder.store.sessions.openLease(INSTANCE);
  await folder.store.sessions.issue(login);
  await folder.store.sessions.claim({
    userId: user.userId,
    instance: INSTANCE,
    userName: 'alice',
    claim: 'c',
  });
  assert.equal((await folder.store.sessions.issue(login)).outcome, 'repeat');

  const { sessions } = await folder.reopen();
  assert.deepEqual(await sessions.locate(user.userId), []);
  assert.equal(await sessions.renewLease(INSTANCE), false);
  assert.deepEqual(await sessions.online(INSTANCE), []);
  assert.deepEqual(await sessions.issue(login), { outcome: 'issued', epoch: 2 });
});

test('no answer tells of data that is not on disk yet', async (t) => {
  const { store } = await openEmbeddedForTest(t);
  const user = await register(store, 'alice');
  const look = async () => {
    const looks = [
      store.streams.position(lobby).then(({ top }) => top),
      store.streams
        .counters(user.userId, [{ stream: lobby, producer: PRODUCER }])
        .then(([counter]) => counter),
      store.sessions.epochs([cimOf(user)]).then(([now]) => now?.epoch),
      store.accounts.byName('bob').then((account) => (account === undefined ? 0 : 1)),
    ];
    return Promise.all(looks);
  };
  const writes = [
    appendTo(store, lobby, user, { counter: 1 }),
    store.sessions.issue({ user, instance: INSTANCE, ...CIM, policy: 'reject', secretHash: '' }),
    register(store, 'bob'),
  ];
  assert.deepEqual(await look(), [0, 0, 0, 0]);
  await Promise.all(writes);
  assert.deepEqual(await look(), [1, 1, 1, 1]);
});

test('whatever a group is called, its entries are its own', async (t) => {
  const { store } = await openEmbeddedForTest(t);
  const user = await register(store, 'alice');
  const names = [
    'a',
    'a:',
    'a:0000000000000001',
    'a;',
    'a~',
    '~',
    '',
    ' ',
    '__proto__',
    'x'.repeat(300),
    '\uD800',
    '日本',
  ];
  for (const name of names)
    for (const counter of [1, 2])
      assert.equal((await appendTo(store, groupStream(name as GroupId), user, { counter })).outcome, 'ok');
  for (const name of names) {
    const entries = await store.streams.read(groupStream(name as GroupId), 1 as Seq, 100);
    assert.deepEqual(
      entries.map(({ seq }) => seq),
      [1, 2],
      JSON.stringify(name),
    );
  }
});

test('a read takes any limit', async (t) => {
  const { store } = await openEmbeddedForTest(t);
  const user = await register(store, 'alice');
  await appendRange(store, lobby, user, 1, 3);
  for (const [limit, expected] of [
    [0, 0],
    [-1, 0],
    [Number.NaN, 0],
    [2, 2],
    [Number.MAX_SAFE_INTEGER, 3],
  ] as const)
    assert.equal((await store.streams.read(lobby, 1 as Seq, limit)).length, expected, String(limit));
});

test('an inbox drops acked entries after 30 days and unacked ones after 90; a group drops all after 30', async (t) => {
  const clock = new Clock();
  const { store } = await openEmbeddedForTest(t, { now: clock.now });
  const user = await register(store, 'alice');
  const inbox = inboxOf(user.userId);
  await store.sessions.issue({ user, instance: INSTANCE, ...CIM, policy: 'reject', secretHash: '' });
  await appendRange(store, inbox, user, 1, 5);
  await appendRange(store, lobby, user, 1, 5);
  const cursor = { seq: 2 as Seq, id: messageId(user.userId, PRODUCER, 2) };
  await store.streams.ack([
    { user: user.userId, device: CIM.device, epoch: 1 as never, stream: inbox, cursor },
  ]);
  let counter = 5;
  const firsts = async (afterMs: number): Promise<number[]> => {
    clock.ms += afterMs;
    counter++;
    // The clock moves on further than producers used to be remembered.
    const producer = `producer-of-part-${String(counter)}` as typeof PRODUCER;
    for (const stream of [inbox, lobby])
      assert.equal((await appendTo(store, stream, user, { counter: 1, producer })).outcome, 'ok');
    return Promise.all([inbox, lobby].map(async (stream) => (await store.streams.position(stream)).first));
  };
  assert.deepEqual(await firsts(RETENTION.keptMs - 1), [1, 1]);
  assert.deepEqual(await firsts(1), [3, 6]);
  assert.deepEqual(await firsts(RETENTION.unackedMs - RETENTION.keptMs - 1), [3, 8]);
  assert.deepEqual(await firsts(1), [6, 8]);
  assert.deepEqual(
    (await store.streams.read(inbox, 1 as Seq, 100)).map(({ seq }) => seq),
    [6, 7, 8, 9],
  );
});

test('unacked entries that are trimmed for their age make room in a full inbox', async (t) => {
  const clock = new Clock();
  const { store } = await openEmbeddedForTest(t, { now: clock.now });
  const user = await register(store, 'alice');
  const inbox = inboxOf(user.userId);
  const content = Buffer.alloc(RETENTION.inboxUnackedBytes / 4);
  await appendRange(store, inbox, user, 1, 4, { content });
  assert.equal((await appendTo(store, inbox, user, { counter: 5, content })).outcome, 'full');
  clock.ms += RETENTION.unackedMs + DAY_MS;
  assert.equal((await appendTo(store, inbox, user, { counter: 0, content })).outcome, 'ok');
});

test('copies behind the entries that a user has acked are settled by the next append', async (t) => {
  const maxEntries = 4;
  const { store } = await openEmbeddedForTest(t, { limits: { ...RETENTION, maxEntries } });
  const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')];
  const [sent, inbox] = [inboxOf(alice.userId), inboxOf(bob.userId)];
  await store.sessions.openLease(INSTANCE);
  const epoch = await logIn(store, bob, INSTANCE);
  assert.equal((await appendTo(store, inbox, alice, { counter: 1 })).outcome, 'ok');
  await appendRange(store, sent, bob, 1, 3);
  const cursor = { seq: 1 as Seq, id: messageId(alice.userId, PRODUCER, 1) };
  await store.streams.ack([{ user: bob.userId, device: CIM_DEVICE, epoch, stream: inbox, cursor }]);
  assert.equal((await appendTo(store, sent, bob, { counter: 4 })).outcome, 'ok');
  const { first, top } = await store.streams.position(inbox);
  assert.deepEqual([first, top], [2, 5]);
  await appendTo(store, inbox, alice, { counter: 2 });
  const next = await store.streams.position(inbox);
  assert.deepEqual([next.first, next.top], [3, 6]);
});

test('a stopped store answers appends with retry and throws one line for all other calls', async (t) => {
  const { store } = await openEmbeddedForTest(t);
  const user = await register(store, 'alice');
  const last = appendTo(store, lobby, user, { counter: 1 });
  const stopped = store.stop();
  assert.equal((await last).outcome, 'ok', 'what was begun is finished');
  await stopped;
  assert.equal((await appendTo(store, lobby, user, { counter: 2 })).outcome, 'retry');
  for (const call of [
    () => store.ping(),
    () => store.accounts.byName('bob'),
    () => store.accounts.register('bob' as UserName),
    () => store.streams.read(lobby, 1 as Seq, 1),
    () => store.sessions.release(cimOf(user), 1 as never, INSTANCE),
  ])
    await assert.rejects(call(), { message: 'the store is closed' });
});

test('a path that is not a folder, and a damaged or foreign folder, is refused with one line that says what to do', async (t) => {
  const folder = await openEmbeddedForTest(t);
  await register(folder.store, 'alice');
  await folder.store.stop();
  const file = join(folder.dir, 'file');
  await writeFile(file, '');
  await openFails(file, /is not a folder; set CIM_DATA_DIR to one$/);
  await openFails(join(file, 'below'), /is not a folder; set CIM_DATA_DIR to one$/);

  const later = join(folder.dir, 'later');
  await mkdir(later);
  const ledger = await Ledger.open(later, silentLogger());
  ledger.put(FORMAT, { version: 99 });
  await ledger.commit();
  await ledger.close();
  await openFails(later, /has format 99, this program reads 1 to 2; .* set CIM_DATA_DIR to a new folder$/);

  await rm(join(folder.dir, 'CURRENT'));
  await openFails(
    folder.dir,
    /is damaged \(the file CURRENT is missing\); .*, or start with --accept-loss yes: /,
  );
  assert.ok(
    (await readdir(folder.dir)).some((name) => name.endsWith('.log')),
    'what is left is left alone',
  );
  await rm(folder.dir, { recursive: true });
  await folder.reopen();
});
