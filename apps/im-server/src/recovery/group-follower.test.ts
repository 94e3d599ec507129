/**
 * The groups that a session follows, with a real store: at its resume, when its user joins or leaves a group,
 * and when a hint is lost.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import {
  cim,
  DEFAULT_DEVICE,
  type Epoch,
  type GroupId,
  groupStream,
  type InstanceId,
  type ProducerId,
  parseUserName,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import type { Account, AppendAnswer, Cursor, GroupOperation } from '@cim/store';
import { until } from '@cim/testkit';
import { Stored } from '../../test/stored.ts';
import { GroupLogs } from '../subscriptions/group-logs.ts';
import { Interest } from '../subscriptions/interest.ts';
import { Places } from '../subscriptions/places.ts';
import { type Following, type GroupAt, GroupFollower } from './group-follower.ts';

const HERE = 'an-instance-here' as InstanceId;
const { CONTINUE } = cim.ResumeAnswer;

let stored: Stored;
let owner: Account;
let user: Account;
let group: GroupId;
let logs: GroupLogs;
let counter = 0;

async function account(name: string): Promise<Account> {
  const parsed = parseUserName(name);
  assert.ok(parsed.ok);
  return (await stored.store.accounts.register(parsed.name)).account;
}

/** Appends to a group as its owner. With an operation the entry is of type `member`. */
async function append(to: GroupId, operation?: GroupOperation, body: object = {}): Promise<AppendAnswer> {
  const answer = await new Promise<AppendAnswer>((done) =>
    stored.store.streams.append(
      {
        stream: groupStream(to),
        sender: owner,
        producer: 'P'.repeat(16) as ProducerId,
        counter: 0,
        digest: `digest-${++counter}`,
        content:
          operation === undefined
            ? cim.Content.encode({ texts: [String(counter)] }).finish()
            : cim.Content.encode({
                type: 'member',
                body: Buffer.from(JSON.stringify({ op: operation.kind, ...body })),
              }).finish(),
        operation,
      },
      done,
    ),
  );
  assert.equal(answer.outcome, 'ok');
  return answer;
}

const create = (to: GroupId, users: readonly Account[]) =>
  append(to, { kind: 'create', name: 'a group', category: '', join: 'open', users });
const remove = (from: GroupId, { userId }: Account) =>
  append(from, { kind: 'remove', user: userId }, { users: [{ id: String(userId) }] });

/** A session that follows groups and records what it gets. */
class Follower {
  readonly places = new Places();
  readonly told: string[] = [];
  readonly written: string[] = [];
  readonly session: Following;
  readonly follower: GroupFollower;

  readonly acked: [GroupId, Seq][] = [];

  constructor(of: UserId, all = true) {
    this.session = {
      userId: of,
      device: DEFAULT_DEVICE,
      epoch: 1 as Epoch,
      places: this.places,
      ended: false,
      resumed: (groups) => this.tell(groups),
      acknowledged: () => undefined,
      ready: () => true,
      write: () => assert.fail('a group is shared'),
      writeShared: (feed, { entries, leavers }) => {
        for (const { seq } of entries) this.written.push(`${logName(feed.stream)} ${seq}`);
        if (leavers !== 'all' && leavers?.includes(of) !== true) return;
        this.places.leave(logName(feed.stream), this.session);
        this.follower.left(logName(feed.stream), entries[0]?.seq ?? (0 as Seq));
      },
      expired: () => assert.fail('nothing expires'),
      lost: () => assert.fail('nothing is lost'),
      broken: () => assert.fail('nothing breaks'),
      passed: () => assert.fail('nobody is told'),
      woken: (name, feed) => this.places.woken(name, feed),
      signal: () => undefined,
      now: () => 1,
    };
    const acks = {
      add: (_: unknown, stream: StreamRef, { seq }: Cursor) => void this.acked.push([logName(stream), seq]),
    };
    this.follower = new GroupFollower(this.session, { store: stored.store, groups: logs, acks }, all);
  }

  async begin(cursors: ReadonlyMap<string, Cursor | undefined> = new Map()): Promise<this> {
    const found = await this.follower.find(cursors);
    this.tell(found);
    await this.follower.start(found);
    return this;
  }

  tell(groups: readonly GroupAt[]): void {
    for (const { group: of, at } of groups)
      this.told.push(`${of} ${at.answer === CONTINUE ? at.to : 'other'}`);
  }
}

const logName = (stream: { kind: string; group?: GroupId }): GroupId => stream.group ?? ('' as GroupId);

describe('a session that follows the groups of its user', () => {
  before(async () => {
    stored = await Stored.open();
    [owner, user] = [await account('owner'), await account('user')];
  });
  after(() => stored[Symbol.asyncDispose]());
  beforeEach(async () => {
    group = await stored.store.groups.newId();
    logs = new GroupLogs(stored.store.streams, new Interest(stored.store.groups, () => HERE));
    user = await account(`user${group}`);
  });

  test('begins at the join, or after the cursor that the client presents, and the store rings for it', async () => {
    await create(group, []);
    await append(group);
    await append(group, { kind: 'add', users: [user] }, { users: [{ id: String(user.userId) }] });
    const answer = await append(group);
    assert.ok(answer.outcome === 'ok');
    assert.deepEqual(answer.followers, []);
    const first = await new Follower(user.userId).begin();
    await until('it has all from its join on', () => first.written.length === 2);
    assert.deepEqual([first.told, first.written], [[`${group} 2`], [`${group} 3`, `${group} 4`]]);
    const named = new Map([[group, { seq: 3 as Seq, id: answer.prev }]]);
    const second = await new Follower(user.userId).begin(named);
    await until('it has the rest', () => second.written.length === 1);
    assert.deepEqual([second.told, second.written], [[`${group} 3`], [`${group} 4`]]);
    const ringing = await append(group);
    assert.ok(ringing.outcome === 'ok');
    assert.deepEqual(ringing.followers, [HERE]);
    for (const { places, session } of [first, second]) places.end(session);
    assert.equal(logs.size, 0);
    logs.end();
  });

  test('follows a group that the user joins, also when the hint comes while it begins', async () => {
    const it = new Follower(user.userId);
    it.follower.changed();
    await create(group, [user]);
    await it.begin();
    await until('it follows', () => it.places.has(group));
    const other = await stored.store.groups.newId();
    await create(other, [user]);
    it.follower.changed();
    it.follower.changed();
    await until('it has the entry that made it a member', () => it.written.includes(`${other} 1`));
    assert.deepEqual(it.told, [`${group} 0`, `${other} 0`]);
    it.places.end(it.session);
    logs.end();
  });

  test('gets nothing after the entry that removes its user, also when the user is a member again', async () => {
    await create(group, [user]);
    const it = await new Follower(user.userId).begin();
    await until('it is there', () => it.written.length === 1);
    await remove(group, user);
    await append(group);
    await append(group, { kind: 'add', users: [user] }, { users: [{ id: String(user.userId) }] });
    await append(group);
    await logs.find(group)?.lookNow();
    await until('it has what came after it was in again', () => it.written.length === 4);
    assert.deepEqual(
      it.written,
      [1, 2, 4, 5].map((seq) => `${group} ${seq}`),
    );
    assert.deepEqual(it.told, [`${group} 0`, `${group} 3`]);
    it.places.end(it.session);
    logs.end();
  });

  test('follows nothing if its user was removed before it begins, whatever cursor it presents', async () => {
    await create(group, [user]);
    const removed = await remove(group, user);
    assert.ok(removed.outcome === 'ok');
    const at = { seq: removed.seq, id: removed.prev };
    // The user's own side may still name the group. The group's side decides.
    const groups = {
      groupsOf: () => Promise.resolve([group]),
      member: stored.store.groups.member.bind(stored.store.groups),
      stays: stored.store.groups.stays.bind(stored.store.groups),
    };
    const acks = { add: () => assert.fail('nothing is acked') };
    const it = new Follower(user.userId);
    const follower = new GroupFollower(
      it.session,
      { store: { streams: stored.store.streams, groups }, groups: logs, acks },
      true,
    );
    assert.deepEqual(await follower.find(new Map([[group, at]])), []);
    assert.equal(logs.size, 0, 'the log that was opened for it is closed');
    logs.end();
  });

  /** The user is a member for the entries 1 to 3. Entry 4 removes the user; entry 5 follows. */
  async function memberWas(): Promise<void> {
    await create(group, [user]);
    await append(group);
    await append(group);
    await remove(group, user);
    await append(group);
  }
  const written = (...seqs: number[]): string[] => seqs.map((seq) => `${group} ${seq}`);
  /** The cursors of a device that was here before and knows nothing of the group. */
  const known = (...more: [GroupId, Cursor][]): Map<string, Cursor | undefined> =>
    new Map<string, Cursor | undefined>([['', { seq: 0 as Seq, id: '-' as Cursor['id'] }], ...more]);

  test('gives a device that was away all up to the removal of its user, and nothing behind it', async () => {
    await memberWas();
    const second = await stored.store.streams.peek(groupStream(group), 3 as Seq);
    assert.ok(second);
    const named = await new Follower(user.userId).begin(known([group, { seq: 2 as Seq, id: second.prev }]));
    const unnamed = await new Follower(user.userId).begin(known());
    await until('both have left', () => ![named, unnamed].some(({ places }) => places.has(group)));
    assert.deepEqual([named.told, named.written], [[`${group} 2`], written(3, 4)]);
    assert.deepEqual([unnamed.told, unnamed.written], [[`${group} 0`], written(1, 2, 3, 4)]);
    unnamed.follower.changed();
    const at = (await stored.store.streams.peek(groupStream(group), 5 as Seq))?.prev;
    assert.ok(at !== undefined);
    const again = await new Follower(user.userId).begin(known([group, { seq: 4 as Seq, id: at }]));
    assert.deepEqual([again.told, unnamed.written.length], [[], 4]);
    assert.equal(logs.size, 0);
    logs.end();
  });

  test('gives a device the rest of the ended membership first, and then the new one of its user', async () => {
    await memberWas();
    await append(group, { kind: 'add', users: [user] }, { users: [{ id: String(user.userId) }] });
    await append(group);
    const it = await new Follower(user.userId).begin(known());
    await until('it has both', () => it.written.length === 6);
    assert.deepEqual([it.told, it.written], [[`${group} 0`, `${group} 5`], written(1, 2, 3, 4, 6, 7)]);
    it.places.end(it.session);
    logs.end();
  });

  test('gives a device a membership that began and ended without a hint', async () => {
    const it = await new Follower(user.userId).begin(known());
    await memberWas();
    it.follower.changed();
    await until('it has all of it', () => it.written.length === 4);
    it.follower.changed();
    const other = await stored.store.groups.newId();
    await create(other, [user]);
    it.follower.changed();
    await until('it has looked again', () => it.places.has(other));
    assert.equal(it.told.length, 2);
    it.places.end(it.session);
    logs.end();
  });

  test('gives a session the rest of a membership that ends while it begins, even if its user is a member again by then', async (t) => {
    await create(group, [user]);
    await append(group);
    const { groups } = stored.store;
    const ask = groups.member.bind(groups);
    let isFirst = true;
    t.mock.method(groups, 'member', async (...of: Parameters<typeof ask>) => {
      if (isFirst) {
        isFirst = false;
        await remove(group, user);
        await append(group);
        await append(group, { kind: 'add', users: [user] }, { users: [{ id: String(user.userId) }] });
        await append(group);
      }
      return ask(...of);
    });
    const it = await new Follower(user.userId).begin(known());
    await until('it has both memberships', () => it.written.length >= 5);
    assert.deepEqual(it.written, written(1, 2, 3, 5, 6));
    it.places.end(it.session);
    logs.end();
  });

  test('gives a new device nothing of an ended membership, and remembers that', async () => {
    await memberWas();
    const fresh = await new Follower(user.userId).begin(new Map([['', undefined]]));
    assert.deepEqual([fresh.told, fresh.acked], [[], [[group, 4]]]);
    logs.end();
  });

  test('stops following behind an entry that removed its user before it began', async () => {
    await create(group, [user]);
    const it = new Follower(user.userId);
    const found = await it.follower.find(new Map());
    await remove(group, user);
    await append(group);
    // The session begins behind the removal, so it never meets that entry.
    const [place] = found;
    assert.ok(place);
    const { top, topId } = await stored.store.streams.position(groupStream(group));
    await it.follower.start([{ group, at: { ...place.at, next: (top + 1) as Seq, top, last: topId } }]);
    assert.equal(it.places.has(group), true);
    it.follower.changed();
    await until('it follows no more, and has what came before the removal', () => it.written.length === 2);
    assert.deepEqual([it.places.has(group), it.written], [false, written(1, 2)]);
    logs.end();
  });

  test('no session begins before the store rings this im-server for the group', async () => {
    await create(group, [user]);
    let fails = true;
    const interest = new Interest(
      {
        follow: (groups, at) =>
          fails ? Promise.reject(new Error('away')) : stored.store.groups.follow(groups, at),
        unfollow: (groups, at) => stored.store.groups.unfollow(groups, at),
      },
      () => HERE,
    );
    logs = new GroupLogs(stored.store.streams, interest);
    await assert.rejects(new Follower(user.userId).begin(), /away/);
    assert.equal(logs.size, 0);
    fails = false;
    const it = await new Follower(user.userId).begin();
    assert.equal(it.places.has(group), true);
    it.places.end(it.session);
    logs.end();
  });

  test('follows only the groups that it names when it does not ask for all', async () => {
    await create(group, [user]);
    const other = await stored.store.groups.newId();
    await create(other, [user]);
    const it = await new Follower(user.userId, false).begin(new Map([[other, undefined]]));
    assert.deepEqual([it.places.has(group), it.places.has(other)], [false, true]);
    it.places.end(it.session);
    logs.end();
  });
});
