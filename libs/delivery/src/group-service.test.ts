/** Changes of groups by users, with a real store. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { TimingWheel, TurnFlusher } from '@cim/channel';
import { openEmbeddedMembership } from '@cim/discovery';
import {
  cim,
  CODES,
  type CodeName,
  type GroupId,
  groupStream,
  type InstanceId,
  LOBBY,
  type MessageId,
  type NamedUser,
  parseUserName,
  type Seq,
  type UserId,
} from '@cim/protocol';
import { RpcClient } from '@cim/rpc';
import { silentLogger } from '@cim/runtime';
import { type Group, GROUP_LIMITS, openEmbeddedStore, type Store } from '@cim/store';
import { quietDoorbell } from '@cim/testkit';
import { GroupService } from './group-service.ts';
import { createMessaging, type Messaging } from './messaging.ts';

const HERE = 'an-instance-here' as InstanceId;
const logger = silentLogger();
const rpc = new RpcClient({ secret: 's', flusher: new TurnFlusher(), wheel: new TimingWheel(), logger });
const membership = openEmbeddedMembership();
let dir: string;
let store: Store;
let messaging: Messaging;
let groups: GroupService;
/** The groups that im-servers were rung for, and the users whose groups have changed. */
let rung: string[];
let changed: UserId[][];
let alice: NamedUser;
let bob: NamedUser;
let eve: NamedUser;

const register = async (name: string): Promise<NamedUser> => {
  const parsed = parseUserName(name);
  assert.ok(parsed.ok);
  const { userId, userName } = (await store.accounts.register(parsed.name)).account;
  return { userId, userName };
};

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cim-groups-'));
  store = await openEmbeddedStore({ dir, logger });
  await membership.start();
  messaging = createMessaging({ store, membership, rpc, logger });
  messaging.serve(quietDoorbell(HERE, { broadcast: (group) => void rung.push(group) }));
  const calls = { groupsChanged: (users: readonly UserId[]) => void changed.push([...users]) };
  groups = new GroupService({ store, sends: messaging.sends, calls });
  [alice, bob, eve] = [await register('alice'), await register('bob'), await register('eve')];
});
beforeEach(() => {
  rung = [];
  changed = [];
});
after(async () => {
  await rpc.stop();
  await store.stop();
  await rm(dir, { recursive: true, force: true });
});

const refused = (call: Promise<unknown>, name: CodeName, message?: RegExp): Promise<void> =>
  assert.rejects(call, { code: CODES[name].code, ...(message === undefined ? {} : { message }) });

/** The bodies of all `member` entries of a group. */
async function told(group: GroupId): Promise<Record<string, unknown>[]> {
  const entries = await store.streams.read(groupStream(group), 1 as Seq, 1_000);
  return entries
    .map(({ content }) => cim.Content.decode(content))
    .filter(({ type }) => type === 'member')
    .map(({ body }) => JSON.parse(Buffer.from(body).toString()) as Record<string, unknown>);
}

const make = (given: Partial<Parameters<GroupService['create']>[1]> = {}): Promise<Group> =>
  groups.create(alice, { name: 'friends', join: 'invite', ...given });

test('a group is created with its members, and its log names them', async () => {
  const group = await make({
    name: '  friends ',
    category: 'fun',
    users: [bob.userId, alice.userId, bob.userId],
  });
  assert.deepEqual(
    { ...group, createdAt: 0, id: '' },
    {
      ...{ id: '', name: 'friends', category: 'fun', join: 'invite', owner: alice.userId },
      ...{ members: 2, version: 1, createdAt: 0 },
    },
  );
  assert.deepEqual(await told(group.id), [
    {
      ...{ op: 'create', name: 'friends', category: 'fun', join: 'invite' },
      users: [
        { id: String(alice.userId), name: 'alice', role: 'owner' },
        { id: String(bob.userId), name: 'bob', role: 'member' },
      ],
    },
  ]);
  assert.deepEqual(changed, [[alice.userId, bob.userId]]);
});

test('each join and leave is written to the log, rung at the followers and told to the sessions concerned', async () => {
  const { id } = await make();
  await store.groups.follow([id], HERE);
  assert.deepEqual(await groups.add(alice, id, [bob.userId, eve.userId]), [bob.userId, eve.userId]);
  assert.deepEqual(await groups.add(alice, id, [eve.userId, bob.userId]), []);
  await groups.remove(alice, id, bob.userId);
  await groups.leave(eve, id);
  const users = [{ id: String(bob.userId), name: 'bob' }];
  const [, added, , removed, left] = await told(id);
  assert.deepEqual(added, {
    op: 'add',
    users: [
      { id: String(bob.userId), name: 'bob', role: 'member' },
      { id: String(eve.userId), name: 'eve', role: 'member' },
    ],
  });
  assert.deepEqual(removed, { op: 'remove', users });
  assert.deepEqual(left, { op: 'leave', users: [{ id: String(eve.userId), name: 'eve' }] });
  assert.deepEqual(changed, [[alice.userId], [bob.userId, eve.userId], [], [bob.userId], [eve.userId]]);
  assert.deepEqual(rung, [id, id, id, id]);
  assert.equal((await store.groups.find(id))?.members, 1);
});

test('an open group is joined once, an invited one is not', async () => {
  const { id } = await make({ join: 'open' });
  assert.equal(await groups.join(bob, id), true);
  assert.equal(await groups.join(bob, id), false);
  assert.equal((await told(id)).length, 2);
  const closed = await make();
  await refused(groups.join(bob, closed.id), 'notAllowed');
});

test('roles, mutes, names and the owner change; only the owner disbands', async () => {
  const { id } = await make({ users: [bob.userId, eve.userId] });
  await groups.setRole(alice, id, bob.userId, 'admin');
  const renamed = await groups.change(bob, id, { name: 'old friends', join: 'open' });
  assert.deepEqual([renamed.name, renamed.category, renamed.join], ['old friends', '', 'open']);
  await groups.mute(bob, id, eve.userId, true);
  const say = (actor: NamedUser) =>
    messaging.sends.sendKeyed({
      ...{ door: 'v1', actor, to: groupStream(id) },
      content: cim.Content.encode({ texts: ['hi'] }).finish(),
    });
  const { receipt } = await say(eve);
  assert.ok(receipt.outcome === 'refused' && receipt.code === CODES.muted.code);
  await refused(groups.leave(alice, id), 'notAllowed', /transfer the group/);
  await groups.transfer(alice, id, bob.userId);
  assert.deepEqual(
    [(await store.groups.find(id))?.owner, (await store.groups.member(id, alice.userId))?.role],
    [bob.userId, 'admin'],
  );
  await refused(groups.disband(alice, id), 'notAllowed');
  await groups.disband(bob, id);
  await refused(groups.join(eve, id), 'unknownGroup');
  const gone = await say(bob);
  assert.ok(gone.receipt.outcome === 'refused' && gone.receipt.code === CODES.unknownGroup.code);
});

test('a call that is repeated with its key changes nothing, and a group is made once', async () => {
  const given = { name: 'once', join: 'invite', users: [bob.userId] } as const;
  const first = await groups.create(alice, given, 'a key');
  assert.deepEqual(await groups.create(alice, given, 'a key'), first);
  const other = await groups.create(alice, given, 'another key');
  const others = await groups.create(bob, { ...given, users: [] }, 'a key');
  assert.equal(new Set([first.id, other.id, others.id]).size, 3);
  const dan = await register('dan');
  await groups.add(alice, first.id, [eve.userId, dan.userId], 'add two');
  await groups.remove(alice, first.id, eve.userId, 'remove eve');
  await groups.add(alice, first.id, [eve.userId, dan.userId], 'add two');
  assert.equal(await store.groups.member(first.id, eve.userId), undefined, 'the first call is repeated');
  await refused(groups.create(alice, { ...given, name: 'twice' }, 'a key'), 'invalid', /another content/);
});

test('an id that another key has taken is skipped', async () => {
  let tries = 0;
  const service = new GroupService({
    store,
    sends: {
      sendKeyed: (send) => {
        if (tries++ > 0) return messaging.sends.sendKeyed(send);
        const receipt = { outcome: 'refused', code: CODES.invalid.code, text: '', problem: 'taken' } as const;
        return Promise.resolve({ receipt, id: '' as MessageId });
      },
    },
    calls: { groupsChanged: () => undefined },
  });
  const given = { name: 'second choice', join: 'open' } as const;
  const { id } = await service.create(alice, given, 'a key that meets another');
  assert.equal(tries, 2);
  const unmet = await groups.create(alice, given, 'a key that meets another');
  assert.notEqual(unmet.id, id);
});

test('every refusal has its own code and says what was wrong', async () => {
  const { id } = await make({ users: [bob.userId] });
  const nobody = 999_999 as UserId;
  await refused(groups.add(alice, id, [nobody]), 'unknownAccount', /^there is no user with the id 999999$/);
  await refused(groups.add(alice, id, []), 'invalid', /at least one user/);
  const many = Array.from({ length: GROUP_LIMITS.addedAtOnce + 1 }, (_, i) => (i + 1) as UserId);
  await refused(groups.add(alice, id, many), 'invalid', /^101 users at once; at most 100/);
  await refused(groups.add(bob, id, [eve.userId]), 'notAllowed');
  await refused(groups.add(eve, id, [eve.userId]), 'notMember');
  await refused(groups.remove(alice, id, eve.userId), 'unknownAccount', /not a member of the group/);
  await refused(groups.change(alice, id, {}), 'invalid', /nothing to change/);
  await refused(groups.change(alice, id, { name: ' ' }), 'invalid', /^name has 0 characters/);
  await refused(make({ category: 'x'.repeat(33) }), 'invalid', /^category has 33 characters/);
  await refused(groups.leave(alice, '424242' as GroupId), 'unknownGroup');
  await refused(groups.leave(alice, 'no group' as GroupId), 'unknownGroup');
  for (const call of [
    groups.leave(alice, LOBBY),
    groups.join(alice, LOBBY),
    groups.add(alice, LOBBY, [bob.userId]),
    groups.disband(alice, LOBBY),
  ])
    await refused(call, 'notAllowed', /the lobby cannot be changed/);
  await refused(make({ users: [nobody] }), 'unknownAccount');
});

test('nobody is in more than 1,000 groups', async () => {
  const carol = await register('carol');
  const [one] = await store.groups.memberships(alice.userId);
  assert.ok(one);
  const full = {
    newId: () => store.groups.newId(),
    areMembers: (group: GroupId, users: readonly UserId[]) => store.groups.areMembers(group, users),
    memberships: (user: UserId) =>
      Promise.resolve(user === carol.userId ? Array.from({ length: 1_000 }, () => one) : []),
  } as unknown as Store['groups'];
  const { sends } = messaging;
  const service = new GroupService({
    store: { ...store, groups: full },
    sends,
    calls: { groupsChanged: () => undefined },
  });
  const { id } = await make({ join: 'open' });
  await refused(
    service.create(carol, { name: 'x', join: 'open' }),
    'tooManyGroups',
    /^carol is a member of 1000/,
  );
  await refused(service.join(carol, id), 'tooManyGroups');
  await refused(service.add(alice, id, [carol.userId]), 'tooManyGroups');
  assert.equal((await store.groups.find(id))?.members, 1);
});

test('nobody is added by somebody whom they have blocked; a repeated call still finds its group', async () => {
  const fay = await register('fay');
  const given = { name: 'hers', join: 'invite', users: [fay.userId] } as const;
  const first = await groups.create(alice, given, 'with fay');
  const { id } = await make();
  await store.blocks.block(fay.userId, alice.userId);
  await refused(groups.add(alice, id, [bob.userId, fay.userId]), 'blocked', /^fay has blocked you/);
  await refused(make({ users: [fay.userId] }), 'blocked', /^fay has blocked you/);
  assert.equal((await store.groups.find(id))?.members, 1);
  assert.deepEqual(await groups.create(alice, given, 'with fay'), first);
  await groups.add(alice, first.id, [fay.userId, bob.userId]);
  await store.blocks.unblock(fay.userId, alice.userId);
  await groups.add(alice, id, [fay.userId]);
});

test('a group that was the 1,000th of its owner is answered to a repeated call', async () => {
  const gil = await register('gil');
  const key = 'the last one';
  const { id } = await groups.create(gil, { name: 'last', join: 'open' }, key);
  const [one] = await store.groups.memberships(gil.userId);
  assert.ok(one);
  const memberships = () => Promise.resolve(Array.from({ length: GROUP_LIMITS.groupsOfUser }, () => one));
  const find = (group: GroupId) => store.groups.find(group);
  const full = { newId: () => store.groups.newId(), find, memberships } as unknown as Store['groups'];
  const calls = { groupsChanged: () => undefined };
  const service = new GroupService({ store: { ...store, groups: full }, sends: messaging.sends, calls });
  assert.equal((await service.create(gil, { name: 'last', join: 'open' }, key)).id, id);
  await refused(service.create(gil, { name: 'last', join: 'open' }, 'another'), 'tooManyGroups');
});

test("an admin of a group recalls anybody's message in it, a member only its own", async () => {
  const { id } = await make({ users: [bob.userId, eve.userId] });
  const send = async (actor: NamedUser, content: Uint8Array) =>
    messaging.sends.sendKeyed({ door: 'v1', actor, to: groupStream(id), content });
  const { id: message } = await send(bob, cim.Content.encode({ texts: ['hello'] }).finish());
  const recall = cim.Content.encode({ type: 'recall', ref: message }).finish();
  const { receipt } = await send(eve, recall);
  assert.ok(receipt.outcome === 'refused' && receipt.code === CODES.notYours.code);
  assert.equal((await send(alice, recall)).receipt.outcome, 'stored');
  const stranger = await register('stranger');
  const { receipt: foreign } = await send(stranger, recall);
  assert.ok(foreign.outcome === 'refused' && foreign.code === CODES.notMember.code);
});
