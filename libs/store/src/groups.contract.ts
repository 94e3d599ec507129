import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  type GroupId,
  groupStream,
  inboxOf,
  type InstanceId,
  LOBBY,
  type NamedUser,
  type UserId,
} from '@cim/protocol';
import {
  AWKWARD_NAMES,
  append,
  appendOk,
  newInstance,
  newProducer,
  newUser,
  type OpenedStore,
  type OpenStore,
  readAll,
  Sends,
} from '../test/contract-fixture.ts';
import type { GroupOperation } from './groups.ts';
import { STAYS } from './stays.ts';
import type { Store } from './store.ts';
import type { Append, AppendAnswer } from './streams.ts';

/** The send of a change of a group by this actor. */
export const changeOf = (group: GroupId, actor: NamedUser, operation: GroupOperation): Append => ({
  ...new Sends(groupStream(group), actor, newProducer()).item(1),
  silent: true,
  operation,
});

/** Registers the tests of groups and of the appends that change them. */
export function groupsContract(open: OpenStore): void {
  describe('groups', () => {
    let opened: OpenedStore;
    let store: Store;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    const users = (count: number): Promise<NamedUser[]> =>
      Promise.all(Array.from({ length: count }, () => newUser(store)));
    const change = (group: GroupId, actor: NamedUser, operation: GroupOperation): Promise<AppendAnswer> =>
      append(store, changeOf(group, actor, operation));
    const changeOk = (group: GroupId, actor: NamedUser, operation: GroupOperation): Promise<number> =>
      appendOk(store, changeOf(group, actor, operation));
    async function refusedAs(
      problem: string,
      group: GroupId,
      actor: NamedUser,
      operation: GroupOperation,
    ): Promise<void> {
      const { top } = await store.streams.position(groupStream(group));
      assert.deepEqual(await change(group, actor, operation), { outcome: 'refused', problem });
      assert.equal((await store.streams.position(groupStream(group))).top, top, 'nothing was stored');
    }
    /** A group by invitation, with these members besides its owner. */
    async function newGroup(
      owner: NamedUser,
      others: readonly NamedUser[] = [],
      options: { readonly name?: string; readonly category?: string; readonly join?: 'open' | 'invite' } = {},
    ): Promise<GroupId> {
      const group = await store.groups.newId();
      const { name = 'a group', category = '', join = 'invite' } = options;
      await changeOk(group, owner, { kind: 'create', name, category, join, users: others });
      return group;
    }
    const memberIds = async (group: GroupId): Promise<UserId[]> =>
      (await store.groups.members(group, 1_000)).items.map(({ userId }) => userId);
    const groupsOf = async (user: NamedUser): Promise<GroupId[]> =>
      (await store.groups.memberships(user.userId)).map(({ group }) => group);
    const say = (group: GroupId, user: NamedUser): Promise<AppendAnswer> =>
      append(store, new Sends(groupStream(group), user, newProducer()).item(1));

    test('ids are decimal, and no two groups have the same', async () => {
      const ids = await Promise.all(Array.from({ length: 20 }, () => store.groups.newId()));
      assert.equal(new Set(ids).size, 20);
      for (const id of ids) assert.match(id, /^[1-9]\d*$/);
    });

    test('what was refused when it was sent again is not stored later, nor what was sent behind it', async () => {
      const [owner, other] = (await users(2)) as [NamedUser, NamedUser];
      const group = await newGroup(owner, [other]);
      const mute = (muted: boolean) => changeOk(group, owner, { kind: 'mute', user: other.userId, muted });
      const sends = new Sends(groupStream(group), other, newProducer());
      const first = new Sends(groupStream(group), other, newProducer());
      await appendOk(store, sends.item(1));
      const stored = await appendOk(store, sends.item(2));
      await mute(true);
      for (const item of [sends.item(3), first.item(1)])
        for (const again of [false, true])
          assert.deepEqual(await append(store, { ...item, again }), { outcome: 'refused', problem: 'muted' });
      await mute(false);
      const { top } = await store.streams.position(groupStream(group));
      // The sends were under way on another connection all the while, or are sent once more.
      for (const item of [sends.item(3), sends.item(4), first.item(1), first.item(2)])
        for (const again of [false, true])
          assert.deepEqual(await append(store, { ...item, again }), { outcome: 'unknown-producer' });
      assert.equal((await store.streams.position(groupStream(group))).top, top, 'nothing was stored');
      assert.deepEqual(await store.streams.counters(other.userId, [sends, first]), [2, 0]);
      const twice = await append(store, { ...sends.item(2), again: true });
      assert.ok(twice.outcome === 'duplicate' && twice.seq === stored, 'what was stored before is known');
      await appendOk(store, new Sends(groupStream(group), other, newProducer()).item(1));
    });

    test('what was refused when it was sent once may be sent again', async () => {
      const [owner, other] = (await users(2)) as [NamedUser, NamedUser];
      const group = await newGroup(owner, [other]);
      const sends = new Sends(groupStream(group), other, newProducer());
      await changeOk(group, owner, { kind: 'mute', user: other.userId, muted: true });
      assert.equal((await append(store, sends.item(1))).outcome, 'refused');
      await changeOk(group, owner, { kind: 'mute', user: other.userId, muted: false });
      await appendOk(store, { ...sends.item(1), again: true });
    });

    test('a group that was created is found, with its owner and members, from both sides', async () => {
      const [owner, other, stranger] = (await users(3)) as [NamedUser, NamedUser, NamedUser];
      const group = await newGroup(owner, [other, owner, other], {
        name: 'Crew',
        category: 'work',
        join: 'open',
      });
      const found = await store.groups.find(group);
      assert.ok(found !== undefined && found.createdAt > 0);
      assert.deepEqual(
        { ...found, createdAt: 0 },
        {
          ...{ id: group, name: 'Crew', category: 'work', join: 'open', owner: owner.userId },
          ...{ members: 2, version: 1, createdAt: 0 },
        },
      );
      const member = { muted: false, joined: 1, joinedN: 0 };
      assert.deepEqual(await store.groups.member(group, owner.userId), {
        ...owner,
        role: 'owner',
        ...member,
      });
      assert.deepEqual(await store.groups.member(group, other.userId), {
        ...other,
        role: 'member',
        ...member,
      });
      assert.equal(await store.groups.member(group, stranger.userId), undefined);
      const asked = [stranger, owner, other].map(({ userId }) => userId);
      assert.deepEqual(await store.groups.areMembers(group, asked), [false, true, true]);
      assert.deepEqual(await store.groups.groupsOf(other.userId), [group]);
      assert.deepEqual(await store.groups.groupsOf(stranger.userId), []);
      assert.deepEqual(await store.groups.memberships(other.userId), [
        { group, name: 'Crew', category: 'work', role: 'member', joined: 1, joinedN: 0, read: 0 },
      ]);
      assert.deepEqual(
        (await store.groups.memberships(owner.userId)).map(({ role }) => role),
        ['owner'],
      );
      assert.deepEqual(await store.groups.memberships(stranger.userId), []);
      // What was made is an entry of the log.
      assert.equal((await readAll(store, groupStream(group))).length, 1);
    });

    test('a taken id makes no second group, and neither does a repeated send', async () => {
      const [owner, other] = (await users(2)) as [NamedUser, NamedUser];
      const group = await store.groups.newId();
      const create: GroupOperation = { kind: 'create', name: 'one', category: '', join: 'open', users: [] };
      const item = changeOf(group, owner, create);
      assert.equal(await appendOk(store, item), 1);
      const again = await append(store, item);
      assert.ok(again.outcome === 'duplicate' && again.seq === 1);
      await refusedAs('taken', group, other, create);
      assert.deepEqual(await memberIds(group), [owner.userId]);
    });

    test('a missing group cannot be changed, and has no members', async () => {
      const user = await newUser(store);
      const group = await store.groups.newId();
      for (const kind of ['join', 'leave', 'disband'] as const)
        await refusedAs('no-group', group, user, { kind });
      assert.deepEqual(await say(group, user), { outcome: 'refused', problem: 'no-group' });
      assert.equal(await store.groups.find(group), undefined);
      assert.equal(await store.groups.member(group, user.userId), undefined);
      assert.deepEqual(await store.groups.members(group, 10), { items: [] });
      assert.deepEqual(await store.groups.areMembers(group, [user.userId]), [false]);
    });

    test('only a member that is not muted writes; the lobby is for all', async () => {
      const [owner, other, stranger] = (await users(3)) as [NamedUser, NamedUser, NamedUser];
      const group = await newGroup(owner, [other]);
      const sends = new Sends(groupStream(group), other);
      assert.equal(await appendOk(store, sends.item(1)), 2);
      assert.deepEqual(await say(group, stranger), { outcome: 'refused', problem: 'not-member' });
      await changeOk(group, owner, { kind: 'mute', user: other.userId, muted: true });
      assert.deepEqual(await append(store, sends.item(2)), { outcome: 'refused', problem: 'muted' });
      await changeOk(group, owner, { kind: 'mute', user: other.userId, muted: false });
      assert.equal(await appendOk(store, sends.item(2)), 5);
      await changeOk(group, owner, { kind: 'remove', user: other.userId });
      assert.deepEqual(await append(store, sends.item(3)), { outcome: 'refused', problem: 'not-member' });
      // A send that was stored before the removal is answered as stored.
      const stored = await append(store, sends.item(2));
      assert.ok(stored.outcome === 'duplicate' && stored.seq === 5);
      const older = await append(store, sends.item(1));
      assert.ok(older.outcome === 'duplicate' && older.seq === 2);
      await appendOk(store, new Sends(groupStream(LOBBY), stranger).item(1));
    });

    test('sends and changes of one turn are carried out in order', async () => {
      const [owner, other] = (await users(2)) as [NamedUser, NamedUser];
      const group = await newGroup(owner);
      const sends = new Sends(groupStream(group), other);
      const answers = await Promise.all([
        append(store, sends.item(1)),
        change(group, owner, { kind: 'add', users: [other] }),
        append(store, sends.item(1)),
        change(group, owner, { kind: 'remove', user: other.userId }),
        append(store, sends.item(2)),
      ]);
      assert.deepEqual(
        answers.map(({ outcome }) => outcome),
        ['refused', 'ok', 'ok', 'ok', 'refused'],
      );
      assert.deepEqual(await groupsOf(other), []);
    });

    test('a user joins an open group, reads from its join on, and leaves it', async () => {
      const [owner, other] = (await users(2)) as [NamedUser, NamedUser];
      const group = await newGroup(owner, [], { join: 'open' });
      const sends = new Sends(groupStream(group), owner);
      for (const counter of [1, 2]) await appendOk(store, sends.item(counter));
      assert.equal(await changeOk(group, other, { kind: 'join' }), 4);
      const [membership] = await store.groups.memberships(other.userId);
      assert.deepEqual([membership?.joined, membership?.joinedN], [4, 2]);
      // A repeated change changes nothing.
      await changeOk(group, other, { kind: 'join' });
      assert.deepEqual((await store.groups.memberships(other.userId))[0], membership);
      assert.equal((await store.groups.find(group))?.version, 4);
      await changeOk(group, other, { kind: 'leave' });
      assert.deepEqual(await groupsOf(other), []);
      assert.deepEqual(await memberIds(group), [owner.userId]);
      await refusedAs('not-member', group, other, { kind: 'leave' });
      assert.equal(await changeOk(group, other, { kind: 'join' }), 7);
      assert.equal((await store.groups.member(group, other.userId))?.joined, 7);
      assert.deepEqual(await groupsOf(other), [group]);
      await changeOk(group, owner, { kind: 'change', join: 'invite' });
      await refusedAs('not-allowed', group, await newUser(store), { kind: 'join' });
    });

    test('ended memberships of a user are known, each with the entries that began and ended it', async () => {
      const [owner, other] = (await users(2)) as [NamedUser, NamedUser];
      const group = await newGroup(owner, [other], { join: 'open' });
      assert.deepEqual(await store.groups.stays(other.userId), []);
      await changeOk(group, owner, { kind: 'mute', user: other.userId, muted: true });
      await changeOk(group, other, { kind: 'leave' });
      const second = await newGroup(owner, [other]);
      await changeOk(group, other, { kind: 'join' });
      await changeOk(group, owner, { kind: 'remove', user: other.userId });
      const stays = await store.groups.stays(other.userId);
      assert.deepEqual(
        stays.sort((a, b) => a.joined - b.joined),
        [
          { group, joined: 1, left: 3 },
          { group, joined: 4, left: 5 },
        ],
      );
      assert.deepEqual(await groupsOf(other), [second], 'they are no memberships');
      assert.deepEqual(await store.groups.stays(owner.userId), []);
      for (let seq = 6, i = 0; i <= STAYS.most; i++, seq += 2) {
        await changeOk(group, other, { kind: 'join' });
        await changeOk(group, other, { kind: 'leave' });
      }
      const newest = await store.groups.stays(other.userId);
      assert.equal(newest.length, STAYS.most, 'of the older ones');
      assert.ok(newest.some(({ left }) => left === 5 + 2 * (STAYS.most + 1)));
    });

    test('the owner stays until it has transferred the group', async () => {
      const [owner, other, stranger] = (await users(3)) as [NamedUser, NamedUser, NamedUser];
      const group = await newGroup(owner, [other]);
      await refusedAs('owner-stays', group, owner, { kind: 'leave' });
      await refusedAs('owner-stays', group, owner, { kind: 'remove', user: owner.userId });
      await refusedAs('no-such-member', group, owner, { kind: 'transfer', user: stranger.userId });
      await changeOk(group, owner, { kind: 'mute', user: other.userId, muted: true });
      await changeOk(group, owner, { kind: 'transfer', user: other.userId });
      assert.equal((await store.groups.find(group))?.owner, other.userId);
      const now = await store.groups.member(group, other.userId);
      assert.deepEqual([now?.role, now?.muted], ['owner', false]);
      assert.equal((await store.groups.member(group, owner.userId))?.role, 'admin');
      assert.deepEqual(
        (await store.groups.memberships(other.userId)).map(({ role }) => role),
        ['owner'],
      );
      await refusedAs('not-allowed', group, owner, { kind: 'transfer', user: owner.userId });
      await changeOk(group, owner, { kind: 'leave' });
      // A transfer to the present owner changes nothing.
      await changeOk(group, other, { kind: 'transfer', user: other.userId });
      assert.equal((await store.groups.member(group, other.userId))?.role, 'owner');
    });

    test('the roles allow exactly what the table says', async () => {
      const [owner, admin, other, member, stranger] = (await users(5)) as [
        NamedUser,
        NamedUser,
        NamedUser,
        NamedUser,
        NamedUser,
      ];
      const group = await newGroup(owner, [admin, other, member]);
      for (const { userId: user } of [admin, other])
        await changeOk(group, owner, { kind: 'role', user, role: 'admin' });
      assert.equal((await store.groups.member(group, admin.userId))?.role, 'admin');

      const ofMembers: GroupOperation[] = [
        { kind: 'change', name: 'mine' },
        { kind: 'add', users: [stranger] },
        { kind: 'remove', user: other.userId },
        { kind: 'mute', user: other.userId, muted: true },
        { kind: 'role', user: member.userId, role: 'admin' },
        { kind: 'transfer', user: member.userId },
        { kind: 'disband' },
      ];
      for (const operation of ofMembers) {
        await refusedAs('not-allowed', group, member, operation);
        await refusedAs('not-member', group, stranger, operation);
      }
      const ofAdmins: GroupOperation[] = [
        { kind: 'role', user: member.userId, role: 'admin' },
        { kind: 'transfer', user: admin.userId },
        { kind: 'disband' },
        ...[owner, other].flatMap(({ userId: user }): GroupOperation[] => [
          { kind: 'remove', user },
          { kind: 'mute', user, muted: true },
        ]),
      ];
      for (const operation of ofAdmins) await refusedAs('not-allowed', group, admin, operation);
      await refusedAs('not-allowed', group, owner, { kind: 'role', user: owner.userId, role: 'member' });
      for (const operation of [
        { kind: 'remove', user: stranger.userId },
        { kind: 'mute', user: stranger.userId, muted: true },
      ] as const)
        await refusedAs('no-such-member', group, admin, operation);
      await refusedAs('no-such-member', group, owner, { kind: 'role', user: stranger.userId, role: 'admin' });

      await changeOk(group, admin, { kind: 'change', name: 'theirs', category: 'c' });
      await changeOk(group, admin, { kind: 'add', users: [stranger, member] });
      await changeOk(group, admin, { kind: 'mute', user: member.userId, muted: true });
      await changeOk(group, admin, { kind: 'remove', user: member.userId });
      await changeOk(group, owner, { kind: 'role', user: other.userId, role: 'member' });
      await changeOk(group, admin, { kind: 'remove', user: other.userId });
      assert.deepEqual(
        await memberIds(group),
        [owner, admin, stranger].map(({ userId }) => userId).sort((a, b) => a - b),
      );
      const found = await store.groups.find(group);
      assert.deepEqual(
        [found?.name, found?.category, found?.join, found?.members],
        ['theirs', 'c', 'invite', 3],
      );
      const [membership] = await store.groups.memberships(stranger.userId);
      assert.deepEqual([membership?.name, membership?.category], ['theirs', 'c']);
    });

    test('a disbanded group is gone for everybody, and its id stays taken', async () => {
      const [owner, other] = (await users(2)) as [NamedUser, NamedUser];
      const group = await newGroup(owner, [other], { join: 'open' });
      const kept = await newGroup(owner, [other]);
      await changeOk(group, owner, { kind: 'disband' });
      assert.equal(await store.groups.find(group), undefined);
      assert.deepEqual(await groupsOf(other), [kept]);
      assert.deepEqual(await groupsOf(owner), [kept]);
      assert.deepEqual(await memberIds(group), []);
      assert.deepEqual(await say(group, owner), { outcome: 'refused', problem: 'no-group' });
      for (const kind of ['join', 'leave', 'disband'] as const)
        await refusedAs('no-group', group, owner, { kind });
      await refusedAs('taken', group, owner, {
        ...{ kind: 'create', name: 'again', category: '', join: 'open', users: [] },
      });
      // Its last entry can still be delivered.
      assert.equal((await readAll(store, groupStream(group))).length, 2);
    });

    test('names may be anything', async () => {
      const owner = await newUser(store);
      const others = await Promise.all(
        AWKWARD_NAMES.map(async (userName) => ({ ...(await newUser(store)), userName })),
      );
      const group = await newGroup(owner, others, { name: AWKWARD_NAMES.join(' ') });
      const { items } = await store.groups.members(group, 100);
      const byId = (a: NamedUser, b: NamedUser): number => a.userId - b.userId;
      assert.deepEqual(
        items.map(({ userId, userName }) => ({ userId, userName })),
        [owner, ...others].sort(byId),
      );
      assert.equal((await store.groups.find(group))?.name, AWKWARD_NAMES.join(' '));
    });

    test('pages of members show each member who stays exactly once while others come and go', async () => {
      const [owner, ...others] = (await users(41)) as [NamedUser, ...NamedUser[]];
      const group = await newGroup(owner, others.slice(0, 30));
      const seen: UserId[] = [];
      let next: string | undefined;
      let round = 0;
      do {
        const page = await store.groups.members(group, 7, next);
        assert.ok(page.items.length <= 7);
        seen.push(...page.items.map(({ userId }) => userId));
        ({ next } = page);
        const comes = others[30 + round];
        const goes = others[2 * round];
        if (comes !== undefined && goes !== undefined) {
          await changeOk(group, owner, { kind: 'add', users: [comes] });
          await changeOk(group, owner, { kind: 'remove', user: goes.userId });
        }
        round++;
      } while (next !== undefined);
      assert.equal(new Set(seen).size, seen.length);
      const stayed = [owner, ...others.slice(0, 30)].filter(
        (_, i) => i === 0 || i > 2 * round || i % 2 === 0,
      );
      for (const { userId } of stayed) assert.ok(seen.includes(userId), `${userId} is missing`);
    });

    test('memberships of many groups are all there', async () => {
      const [owner, other] = (await users(2)) as [NamedUser, NamedUser];
      const groups = await Promise.all(Array.from({ length: 40 }, () => newGroup(owner, [other])));
      assert.deepEqual(new Set(await groupsOf(other)), new Set(groups));
      const left = groups[7] ?? LOBBY;
      await changeOk(left, other, { kind: 'leave' });
      assert.deepEqual(new Set(await groupsOf(other)), new Set(groups.filter((group) => group !== left)));
    });

    test('read marks of groups and of the lobby move forward, never back', async () => {
      const [owner, other] = (await users(2)) as [NamedUser, NamedUser];
      const group = await newGroup(owner, [other]);
      for (const of of [group, LOBBY]) {
        assert.equal(await store.groups.markOf(other.userId, of), 0);
        assert.equal(await store.groups.mark(other.userId, of, 5), 5);
        assert.equal(await store.groups.mark(other.userId, of, 3), 5);
        assert.equal(await store.groups.mark(other.userId, of, 6), 6);
        assert.equal(await store.groups.markOf(other.userId, of), 6);
        assert.equal(await store.groups.markOf(owner.userId, of), 0);
      }
      assert.equal((await store.groups.memberships(other.userId))[0]?.read, 6);
    });

    test('an answer names the instances that follow the group at that time; for an inbox or the lobby it names none', async () => {
      const [owner, other] = (await users(2)) as [NamedUser, NamedUser];
      const [group, quiet] = await Promise.all([newGroup(owner), newGroup(owner)]);
      const [one, two] = [newInstance(), newInstance()];
      const followers = async (item: Append): Promise<InstanceId[] | undefined> => {
        const answer = await append(store, item);
        assert.ok(answer.outcome === 'ok' || answer.outcome === 'duplicate');
        return answer.followers === undefined ? undefined : [...answer.followers].sort();
      };
      const sends = new Sends(groupStream(group), owner);
      assert.deepEqual(await followers(sends.item(1)), []);
      await store.groups.follow([group, quiet], one);
      await store.groups.follow([group], two);
      await store.groups.follow([group], one);
      assert.deepEqual(await followers(sends.item(2)), [one, two].sort());
      assert.deepEqual(await followers(sends.item(2)), [one, two].sort(), 'of a duplicate too');
      assert.deepEqual(await followers(sends.item(1)), [one, two].sort(), 'and of an older one');
      assert.deepEqual(await followers(new Sends(groupStream(quiet), owner).item(1)), [one]);
      await store.groups.unfollow([group, quiet], one);
      assert.deepEqual(await followers(sends.item(3)), [two]);
      assert.deepEqual(await followers(changeOf(group, owner, { kind: 'add', users: [other] })), [two]);
      await store.groups.follow([], one);
      assert.equal(await followers(new Sends(inboxOf(other.userId), owner).item(1)), undefined);
      assert.equal(await followers(new Sends(groupStream(LOBBY), owner).item(1)), undefined);
    });

    test('changes of members do not count as unread', async () => {
      const [owner, other] = (await users(2)) as [NamedUser, NamedUser];
      const group = await newGroup(owner);
      const sends = new Sends(groupStream(group), owner);
      await appendOk(store, sends.item(1));
      await changeOk(group, owner, { kind: 'add', users: [other] });
      const { shown, shownSeq, top } = await store.streams.position(groupStream(group));
      assert.deepEqual([shown, shownSeq, top], [1, 2, 3]);
      assert.deepEqual(
        (await readAll(store, groupStream(group))).map(({ n }) => n),
        [0, 1, 1],
      );
    });

    test('settling answers nobody when no change was interrupted', async () => {
      const [owner, other] = (await users(2)) as [NamedUser, NamedUser];
      await newGroup(owner, [other]);
      assert.deepEqual(await store.groups.settle(), []);
    });

    test('groups, members, memberships and marks survive a restart', async () => {
      const [owner, other, third] = (await users(3)) as [NamedUser, NamedUser, NamedUser];
      const group = await newGroup(owner, [other, third]);
      await changeOk(group, owner, { kind: 'remove', user: third.userId });
      await store.groups.mark(other.userId, group, 4);
      const asked = async (): Promise<unknown> => [
        await store.groups.find(group),
        await store.groups.members(group, 10),
        await store.groups.memberships(other.userId),
        await store.groups.memberships(third.userId),
        await store.groups.markOf(other.userId, group),
      ];
      const found = await asked();
      store = await opened.reopen();
      assert.deepEqual(await asked(), found);
      assert.ok(Number(await store.groups.newId()) > Number(group));
      assert.equal((await say(group, other)).outcome, 'ok');
      assert.equal((await say(group, third)).outcome, 'refused');
    });
  });
}
