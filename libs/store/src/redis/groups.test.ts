import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type GroupId, groupStream, type NamedUser } from '@cim/protocol';
import { RedisProcess } from '@cim/testkit';
import { append, appendOk, newInstance, newUser, Sends } from '../../test/contract-fixture.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import { changeOf } from '../groups.contract.ts';
import { GROUP_LIMITS, type GroupOperation } from '../groups.ts';
import type { Store } from '../store.ts';
import { withAccess } from './access.ts';
import { directCommit } from './commit.ts';
import { Redis } from './ioredis.ts';
import { groupKeys, key, streamKeys } from './keys.ts';
import { RedisLink } from './link.ts';
import { MemberSides } from './member-sides.ts';
import { parseRedisUrl } from './url.ts';

let redis: RedisProcess;
let client: Redis;
before(async () => {
  redis = await RedisProcess.start();
  client = new Redis(redis.port);
});
after(async () => {
  client.disconnect();
  await redis[Symbol.asyncDispose]();
});

/** A gate that a test opens. */
function newGate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

describe('groups in Redis', () => {
  const create = (users: readonly NamedUser[] = []): GroupOperation => ({
    ...{ kind: 'create', name: 'a group', category: '', join: 'open', users },
  });

  async function newGroup(
    store: Store,
    owner: NamedUser,
    users: readonly NamedUser[] = [],
  ): Promise<GroupId> {
    const group = await store.groups.newId();
    await appendOk(store, changeOf(group, owner, create(users)));
    return group;
  }

  /**
   * Restores the state of a crash between the two sides of a change at `seq`: the note is there, and the
   * user's side is as before.
   */
  async function undoUserSide(group: GroupId, seq: number, user: NamedUser, before?: number): Promise<void> {
    await client.hset(groupKeys(group).pending, `${group} ${seq}`, String(user.userId));
    if (before === undefined) await client.hdel(key.memberships(user.userId), group);
    else await client.hset(key.memberships(user.userId), group, String(before));
  }

  test('settling completes the users’ sides after a crash, and answers these users', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const [owner, comes, goes] = [await newUser(store), await newUser(store), await newUser(store)];
    const group = await newGroup(store, owner, [goes]);
    const added = await appendOk(store, changeOf(group, owner, { kind: 'add', users: [comes] }));
    const removed = await appendOk(store, changeOf(group, owner, { kind: 'remove', user: goes.userId }));
    await undoUserSide(group, added, comes);
    await undoUserSide(group, removed, goes, 1);
    assert.deepEqual(await store.groups.memberships(comes.userId), []);
    const settled = await store.groups.settle();
    assert.deepEqual(settled.sort(), [comes.userId, goes.userId].sort());
    assert.deepEqual(
      (await store.groups.memberships(comes.userId)).map((membership) => membership.group),
      [group],
    );
    assert.equal(await client.hexists(key.memberships(goes.userId), group), 0);
    assert.equal(await client.exists(groupKeys(group).pending), 0);
    assert.deepEqual(await store.groups.settle(), []);
  });

  test('settling of an ended membership stores its stay, and removes the note', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const [owner, goes] = [await newUser(store), await newUser(store)];
    const group = await newGroup(store, owner, [goes]);
    const { ended } = groupKeys(group);
    const removed = await appendOk(store, changeOf(group, owner, { kind: 'remove', user: goes.userId }));
    const stays = [{ group, joined: 1, left: removed }];
    assert.deepEqual(await store.groups.stays(goes.userId), stays);
    assert.equal(await client.exists(ended), 0);
    await undoUserSide(group, removed, goes, 1);
    await client.del(key.stays(goes.userId));
    await client.hset(ended, `${group} ${removed}`, '1');
    await store.groups.settle();
    assert.deepEqual(await store.groups.stays(goes.userId), stays);
    assert.equal(await client.exists(ended), 0);
    // The version before leaves no such note.
    await undoUserSide(group, removed, goes, 1);
    await client.del(key.stays(goes.userId));
    await store.groups.settle();
    assert.deepEqual(await store.groups.stays(goes.userId), []);
  });

  test('the same send again writes the users’ side that a crash has left before it is answered', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const [owner, comes] = [await newUser(store), await newUser(store)];
    const group = await newGroup(store, owner);
    const item = changeOf(group, owner, { kind: 'add', users: [comes] });
    const seq = await appendOk(store, item);
    await undoUserSide(group, seq, comes);
    assert.equal((await append(store, item)).outcome, 'duplicate');
    assert.equal((await store.groups.memberships(comes.userId)).length, 1);
    assert.equal(await client.exists(groupKeys(group).pending), 0);
  });

  test('a late write of an older change does not undo a newer one', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const [owner, user] = [await newUser(store), await newUser(store)];
    const group = await newGroup(store, owner, [user]);
    const removed = await appendOk(store, changeOf(group, owner, { kind: 'remove', user: user.userId }));
    await undoUserSide(group, removed, user, 1);
    const link = new RedisLink(withAccess(parseRedisUrl(redis.url), {}));
    t.after(() => link.stop());
    const direct = directCommit(link);
    const asked = newGate();
    const added = newGate();
    const late = new MemberSides(link, {
      ...direct,
      run: async (...call) => {
        asked.open();
        await added.opened;
        return direct.run(...call);
      },
    });
    const following = late.follow(group, removed);
    await asked.opened;
    await appendOk(store, changeOf(group, owner, { kind: 'add', users: [user] }));
    added.open();
    await following;
    assert.equal((await store.groups.memberships(user.userId)).length, 1);
  });

  test('a user’s side that names a group of which it is no member shows nothing of it', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const [owner, user] = [await newUser(store), await newUser(store)];
    const group = await newGroup(store, owner);
    await client.hset(key.memberships(user.userId), group, '1');
    assert.deepEqual(await store.groups.memberships(user.userId), []);
    assert.deepEqual(await store.groups.groupsOf(user.userId), [], 'whoever lists them mends the side');
  });

  test('a disbanded group leaves the sides of its members when they list their groups', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const [owner, user] = [await newUser(store), await newUser(store)];
    const group = await newGroup(store, owner, [user]);
    await appendOk(store, changeOf(group, owner, { kind: 'disband' }));
    for (const { userId } of [owner, user]) {
      assert.deepEqual(await store.groups.memberships(userId), []);
      assert.deepEqual(await store.groups.groupsOf(userId), []);
    }
  });

  test('a counter of groups that went back makes no two groups one', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const owner = await newUser(store);
    const groups = [await newGroup(store, owner), await newGroup(store, owner)];
    await client.set(key.nextGroup, Number(groups[0]) - 1_001);
    assert.ok(!groups.includes(await store.groups.newId()));
  });

  test('an instance that has not renewed its interest for long is no longer rung', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const owner = await newUser(store);
    const group = await newGroup(store, owner);
    const [gone, here] = [newInstance(), newInstance()];
    await store.groups.follow([group], gone);
    await client.hset(groupKeys(group).followers, gone, String(Date.now() - 1_000));
    const answer = await append(store, new Sends(groupStream(group), owner).item(1));
    assert.deepEqual(answer.outcome === 'ok' && answer.followers, []);
    await store.groups.follow([group], here);
    assert.deepEqual(await client.hkeys(groupKeys(group).followers), [here]);
    assert.ok((await client.pttl(groupKeys(group).followers)) > 0);
  });

  test('a group of 100,000 members takes no more, and is paged', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const [owner, other] = [await newUser(store), await newUser(store)];
    const group = await newGroup(store, owner);
    const { members } = groupKeys(group);
    const FIRST = 5_000_000;
    for (let from = 0; from < GROUP_LIMITS.members - 1; from += 10_000) {
      const count = Math.min(10_000, GROUP_LIMITS.members - 1 - from);
      const ids = Array.from({ length: count }, (_, i) => FIRST + from + i);
      await client.zadd(members, ...ids.flatMap((id) => [id, `${id} m 0 1 0 user ${id}`]));
    }
    assert.equal((await store.groups.find(group))?.members, GROUP_LIMITS.members);
    for (const operation of [{ kind: 'join' }, { kind: 'add', users: [other] }] as const)
      assert.deepEqual(
        await append(store, changeOf(group, operation.kind === 'join' ? other : owner, operation)),
        { outcome: 'refused', problem: 'full' },
      );
    // A user who is a member already needs no room.
    await appendOk(store, changeOf(group, owner, { kind: 'add', users: [owner] }));
    let count = 0;
    for (let next: string | undefined = '0'; next !== undefined; ) {
      const page: Awaited<ReturnType<Store['groups']['members']>> = await store.groups.members(
        group,
        5_000,
        next,
      );
      count += page.items.length;
      ({ next } = page);
    }
    assert.equal(count, GROUP_LIMITS.members);
    await appendOk(store, changeOf(group, owner, { kind: 'disband' }));
    assert.equal(await client.exists(members), 0);
    // The id stays taken. The log is removed when nobody can need it any more.
    assert.ok((await client.pttl(groupKeys(group).record)) < 0);
    for (const kept of ['log', 'meta'] as const)
      assert.ok((await client.pttl(streamKeys(groupStream(group))[kept])) > 0, kept);
  });
});
