/**
 * Damages folders with real entries in many ways. Each time nothing is missing, or the start is refused with
 * one line. With `acceptLoss` the store's answers tell of the loss, and never call it `expired`.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  cim,
  type GroupId,
  groupStream,
  inboxOf,
  LOBBY,
  messageId,
  type NamedUser,
  type ProducerId,
  type Seq,
  type StreamRef,
} from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { ClassicLevel } from 'classic-level';
import { append, creationOf } from '../../test/contract-fixture.ts';
import { appendRange, appendTo, PRODUCER, plain, register } from '../../test/stored.ts';
import type { Store } from '../store.ts';
import { openEmbeddedStore } from './embedded-store.ts';
import {
  entryKey,
  eventKey,
  foldKey,
  FORMAT,
  groupKey,
  memberKey,
  membershipsKey,
  NEXT_USER,
  rowKey,
  streamKey,
} from './keys.ts';

const lobby = groupStream(LOBBY);
/** Enough entries for several blocks of a table and of a log. */
const ENTRIES = 150;
const content = Buffer.from('text '.repeat(60));
let whole: string;
/** A copy of `whole` with a group, an event and a conversation. */
let grouped: string;
let alice: NamedUser;
let carol: NamedUser;
let group: GroupId;
let expected: object[];

/** Opens a folder with a clock that stands still, so that each run damages the same bytes. */
const open = (dir: string, acceptLoss = false): Promise<Store> =>
  openEmbeddedStore({ dir, logger: silentLogger(), acceptLoss, now: () => 1_795_900_000_000 });
const streams = (): StreamRef[] => [lobby, inboxOf(alice.userId)];

async function readAll(store: Store, stream: StreamRef): Promise<object[]> {
  const all: object[] = [];
  for (let from = 1; ; ) {
    const some = await store.streams.read(stream, from as Seq, 1_000);
    const last = some.at(-1);
    if (last === undefined) return all;
    all.push(...some.map(plain));
    from = last.seq + 1;
  }
}

/** Everything that clients could ask for. */
const contents = (store: Store): Promise<object[]> =>
  Promise.all([
    store.accounts.byName('alice'),
    store.accounts.byId(alice.userId),
    ...streams().flatMap((stream) => [store.streams.position(stream), readAll(store, stream)]),
    store.streams.counters(
      alice.userId,
      streams().map((stream) => ({ stream, producer: PRODUCER })),
    ),
  ] as Promise<object>[]);

before(async () => {
  whole = await mkdtemp(join(tmpdir(), 'cim-whole-'));
  let store = await open(whole);
  alice = await register(store, 'alice');
  for (const stream of streams()) await appendRange(store, stream, alice, 1, ENTRIES, { content });
  await store.stop();
  // Opening the folder moves the log into a table and begins a new log.
  store = await open(whole);
  for (let i = 1; i <= 20; i++)
    for (const stream of streams())
      await appendRange(store, stream, alice, ENTRIES + 5 * i - 4, ENTRIES + 5 * i, { content });
  expected = await contents(store);
  await store.stop();

  grouped = await mkdtemp(join(tmpdir(), 'cim-grouped-'));
  await cp(whole, grouped, { recursive: true });
  store = await open(grouped);
  carol = await register(store, 'carol');
  group = await store.groups.newId();
  const creation = creationOf(group, alice, [carol]);
  assert.equal((await append(store, creation)).outcome, 'ok');
  const ref = messageId(alice.userId, creation.producer, 1);
  const recall = { content: cim.Content.encode({ type: 'recall', ref }).finish(), about: ref };
  assert.equal((await appendTo(store, groupStream(group), carol, { counter: 1, ...recall })).outcome, 'ok');
  const row = {
    peer: carol.userId,
    peerName: 'carol',
    lastSeq: 1 as Seq,
    lastAt: 1,
    lastN: 1,
    unread: 1,
    read: 0,
  };
  assert.equal(await store.conversations.save(alice.userId, 0, { seq: 1 as Seq, id: ref }, [row]), true);
  await store.stop();
});
after(() => Promise.all([whole, grouped].map((dir) => rm(dir, { recursive: true, force: true }))));

async function damagedBy(damage: (dir: string) => Promise<unknown>, from = whole): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'cim-damaged-'));
  await cp(from, dir, { recursive: true });
  await damage(dir);
  return dir;
}

/** Damages a copy of the folder, checks it, and answers how it ended. */
async function check(what: string, damage: (dir: string) => Promise<unknown>): Promise<'whole' | 'refused'> {
  const dir = await damagedBy(damage);
  try {
    const store = await open(dir).catch((error: unknown) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, /^the data folder \S+ is damaged \(.+\); .+--accept-loss yes: .+$/, what);
      return undefined;
    });
    if (store !== undefined) {
      try {
        assert.deepEqual(await contents(store), expected, `${what}: silent`);
      } finally {
        await store.stop();
      }
      return 'whole';
    }
    await checkAccepted(what, dir);
    return 'refused';
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function checkAccepted(what: string, dir: string): Promise<void> {
  const store = await open(dir, true);
  try {
    for (const [i, stream] of streams().entries()) {
      const { first, top } = await store.streams.position(stream);
      assert.ok(first === 1, `${what}: what is lost would be told as expired (${first} to ${top})`);
      const before = expected[3 + 2 * i] as readonly { seq: number }[];
      const left = (await readAll(store, stream)) as { seq: number; counter: number }[];
      for (const entry of left) assert.deepEqual(entry, before[entry.seq - 1], `${what}: another entry`);
      assert.equal(left.at(-1)?.seq ?? 0, top, `${what}: the top is not the last that is there`);
      // The store must not claim the newest entry of a producer when it is lost.
      const [counter] = await store.streams.counters(alice.userId, [{ stream, producer: PRODUCER }]);
      const newest = Math.max(0, ...left.map((entry) => entry.counter));
      assert.ok((counter ?? 0) <= newest, `${what}: ${counter} is said to be stored, ${newest} is`);
    }
    const bob = await register(store, 'bob');
    assert.notEqual(bob.userId, alice.userId);
    const producer = 'a-producer-after-the-loss' as ProducerId;
    assert.equal((await appendTo(store, lobby, bob, { counter: 1, producer })).outcome, 'ok');
  } finally {
    await store.stop();
  }
  // The mended folder is whole again.
  await (await open(dir)).stop();
}

const files = async (): Promise<string[]> =>
  (await readdir(whole)).filter((name) => name !== 'LOCK' && !name.startsWith('LOG')).sort();

test('the folder has the files that the tests below damage', async () => {
  assert.deepEqual(
    (await files()).map((name) => name.replace(/\d+/, 'N')),
    ['N.ldb', 'N.log', 'CURRENT', 'MANIFEST-N', 'batches'],
  );
  assert.equal(await check('nothing', () => Promise.resolve()), 'whole');
  for (const name of ['LOCK', 'LOG']) assert.equal(await check(name, (dir) => rm(join(dir, name))), 'whole');
});

test('each deleted file is noticed', async () => {
  for (const name of await files())
    assert.equal(await check(`no ${name}`, (dir) => rm(join(dir, name))), 'refused', name);
});

test('each file that is cut off anywhere is noticed', async () => {
  for (const name of await files()) {
    const { length } = await readFile(join(whole, name));
    for (const to of [0, length * 0.3, length * 0.8, length - 1].map(Math.floor)) {
      if (to < 0) continue;
      const ended = await check(`${name} cut to ${to}`, (dir) => truncate(join(dir, name), to));
      // The last byte of CURRENT is a line end, so its loss does no harm.
      if (name !== 'CURRENT') assert.equal(ended, 'refused', `${name} cut to ${to} of ${length}`);
    }
  }
});

test('a flipped bit anywhere is noticed, or does no harm', async (t) => {
  const ended = { whole: 0, refused: 0 };
  for (const name of await files()) {
    const bytes = await readFile(join(whole, name));
    for (let i = 0; i < 10; i++) {
      const at = Math.floor((bytes.length * (i + 0.5)) / 10);
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (i % 8)), at);
      ended[await check(`${name}, a bit of byte ${at}`, (dir) => writeFile(join(dir, name), flipped))]++;
    }
  }
  t.diagnostic(JSON.stringify(ended));
  assert.ok(ended.refused > 30);
});

test('each lost record is noticed', async () => {
  const inbox = inboxOf(alice.userId);
  const records = [
    entryKey(lobby, 1 as Seq),
    entryKey(lobby, 70 as Seq),
    entryKey(inbox, 250 as Seq),
    streamKey(lobby),
    streamKey(inbox),
    FORMAT,
    NEXT_USER,
  ];
  for (const key of records) {
    const remove = async (dir: string): Promise<void> => {
      const level = new ClassicLevel(dir);
      await level.del(key);
      await level.close();
    };
    assert.equal(await check(`no ${key}`, remove), 'refused', key);
  }
});

async function without(...keys: string[]): Promise<string> {
  return damagedBy(async (dir) => {
    const level = new ClassicLevel(dir);
    for (const key of keys) await level.del(key);
    await level.close();
  }, grouped);
}

test('each lost record of a group, its members, an event or a conversation is noticed', async () => {
  await (await open(grouped)).stop();
  const records = [
    groupKey(group),
    memberKey(group, alice.userId),
    memberKey(group, carol.userId),
    membershipsKey(carol.userId),
    eventKey(groupStream(group), 2 as Seq),
    foldKey(alice.userId),
    rowKey(alice.userId, carol.userId),
  ];
  for (const key of records) {
    const dir = await without(key);
    await assert.rejects(open(dir), /^Error: the data folder \S+ is damaged /, key);
    await (await open(dir, true)).stop();
    // The mended folder is whole again.
    await (await open(dir)).stop();
    await rm(dir, { recursive: true, force: true });
  }
});

test('a group with lost records stays usable: it has its other members, an owner, and its events', async () => {
  const stores = await Promise.all([
    without(memberKey(group, alice.userId), membershipsKey(carol.userId)).then((dir) => open(dir, true)),
    without(eventKey(groupStream(group), 2 as Seq)).then((dir) => open(dir, true)),
    without(groupKey(group)).then((dir) => open(dir, true)),
  ]);
  const [orphaned, forgotten, lost] = stores;
  try {
    const found = await orphaned.groups.find(group);
    assert.deepEqual([found?.owner, found?.members], [carol.userId, 1]);
    assert.deepEqual(
      (await orphaned.groups.memberships(carol.userId)).map(({ role }) => role),
      ['owner'],
    );
    assert.deepEqual(await orphaned.groups.memberships(alice.userId), []);
    assert.deepEqual(
      (await forgotten.streams.events(groupStream(group), 1 as Seq)).map(({ seq }) => seq),
      [2],
    );
    assert.equal(await lost.groups.find(group), undefined);
    assert.deepEqual(await lost.groups.memberships(carol.userId), []);
    const answer = await appendTo(lost, groupStream(group), carol, { counter: 2 });
    assert.deepEqual(answer, { outcome: 'refused', problem: 'no-group' });
  } finally {
    await Promise.all(stores.map((store) => store.stop()));
  }
});
