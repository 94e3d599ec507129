/** Tests of groups in the embedded store alone. `groups.contract.ts` tests both stores. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type GroupId, groupStream, type InstanceId, type NamedUser, type UserId } from '@cim/protocol';
import { HELD_MS, LoopWatch, silentLogger } from '@cim/runtime';
import { newUser, Sends } from '../../test/contract-fixture.ts';
import { openEmbeddedForTest } from '../../test/embedded-folder.ts';
import { changeOf } from '../groups.contract.ts';
import { FOLLOW_MS, GROUP_LIMITS, type GroupOperation } from '../groups.ts';
import { type AppendAnswer, RETENTION } from '../streams.ts';
import { EmbeddedGroups } from './groups.ts';
import { Ledger } from './ledger.ts';
import { EmbeddedStreams } from './streams.ts';
import { Sweeper } from './sweeper.ts';

const INSTANCE = 'an-instance-here' as InstanceId;
const named = (userId: number): NamedUser => ({ userId: userId as UserId, userName: `user ${userId}` });

test('an im-server that has not renewed its interest for long no longer follows a group', async (t) => {
  let ms = 0;
  const { store } = await openEmbeddedForTest(t, { monotonic: () => ms });
  const owner = await newUser(store);
  const group = await store.groups.newId();
  const sends = new Sends(groupStream(group), owner);
  const append = (item: Parameters<typeof store.streams.append>[0]): Promise<AppendAnswer> =>
    new Promise((done) => store.streams.append(item, done));
  const create = { kind: 'create', name: 'a group', category: '', join: 'open', users: [] } as const;
  await append(changeOf(group, owner, create));
  await store.groups.follow([group], INSTANCE);
  for (const [counter, passed, expected] of [
    [1, FOLLOW_MS - 1, [INSTANCE]],
    [2, 1, []],
  ] as const) {
    ms += passed;
    const answer = await append(sends.item(counter));
    assert.ok(answer.outcome === 'ok');
    assert.deepEqual(answer.followers, expected);
  }
});

test('a group of 100,000: made, paged, full, and cleared after it was disbanded, and nothing holds the event loop', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'cim-large-group-'));
  const ledger = await Ledger.open(dir, silentLogger());
  t.after(async () => {
    await ledger.close();
    await rm(dir, { recursive: true, force: true });
  });
  const groups = new EmbeddedGroups(ledger, Date.now, () => performance.now());
  const blocks = { has: () => false };
  const feed = { write: () => undefined, tell: () => undefined };
  const streams = new EmbeddedStreams(ledger, silentLogger(), Date.now, RETENTION, groups, blocks, feed);
  const sweeper = new Sweeper(ledger, silentLogger(), Date.now, RETENTION);
  const owner = named(1);
  const group = '17' as GroupId;
  const change = (operation: GroupOperation): Promise<AppendAnswer> =>
    new Promise((done) => streams.append(changeOf(group, owner, operation), done));
  const changeOk = async (operation: GroupOperation): Promise<void> =>
    assert.equal((await change(operation)).outcome, 'ok');
  const watch = new LoopWatch();
  watch.start();

  await changeOk({ kind: 'create', name: 'all', category: '', join: 'open', users: [] });
  const others = Array.from({ length: GROUP_LIMITS.members - 1 }, (_, i) => named(i + 2));
  while (others.length > 0) {
    const adds = Array.from({ length: 10 }, () => others.splice(0, GROUP_LIMITS.addedAtOnce));
    await Promise.all(adds.map((users) => changeOk({ kind: 'add', users })));
  }
  assert.equal((await groups.find(group))?.members, GROUP_LIMITS.members);
  const tooMany = { kind: 'add', users: [named(GROUP_LIMITS.members + 1)] } as const;
  assert.deepEqual(await change(tooMany), { outcome: 'refused', problem: 'full' });

  let paged = 0;
  let next: string | undefined;
  do {
    const page = await groups.members(group, 1_000, next);
    paged += page.items.length;
    ({ next } = page);
  } while (next !== undefined);
  assert.equal(paged, GROUP_LIMITS.members);

  await changeOk({ kind: 'disband' });
  assert.equal(await groups.member(group, owner.userId), undefined);
  await sweeper.sweep();
  for (const range of [
    { gte: 'b:', lt: 'b;' },
    { gte: 'h:', lt: 'h;' },
    { gte: 'y:', lt: 'y;' },
  ])
    assert.deepEqual(await ledger.rows(range, 1, 1_000), []);
  await sweeper.stop();
  watch.stop();
  // On a busy machine a turn takes twice as long.
  assert.ok(watch.worstMs <= 2 * HELD_MS, `${watch.worstMs} ms`);
});
