/** The limits of groups over `/v1`, on a store that answers that they are reached. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupId, Seq } from '@cim/protocol';
import type { AppendAnswer, Membership } from '@cim/store';
import { RunningRoute } from '../../test/running-route.ts';
import { V1Client } from '../../test/v1-client.ts';

/** A part of the store with some calls replaced. */
const withCalls = <T extends object>(part: T, calls: Partial<T>): T =>
  new Proxy(part, {
    get: (_, name) => {
      const own: unknown = Reflect.get(name in calls ? calls : part, name);
      return typeof own === 'function' ? (own.bind(part) as unknown) : own;
    },
  });

test('a user in 1,000 groups can neither create, join nor be added to another: 9205', async (t) => {
  const membership = (i: number): Membership => ({
    group: String(i + 1) as GroupId,
    ...{ name: 'x', category: '', role: 'member', joined: 1 as Seq, joinedN: 0, read: 0 },
  });
  let full = false;
  const at = await RunningRoute.start({
    storeFor: (store) => ({
      ...store,
      groups: withCalls(store.groups, {
        memberships: (user) =>
          full
            ? Promise.resolve(Array.from({ length: 1_000 }, (_, i) => membership(i)))
            : store.groups.memberships(user),
      }),
    }),
  });
  t.after(() => at.stop());
  const v1 = await V1Client.of(at.route);
  const [ann, ben] = [await v1.join('ann'), await v1.join('ben')];
  const { body: group } = await v1.post('/groups', { name: 'x', join: 'open' }, ann.secret);
  const path = `/groups/${String(group?.['id'])}/members`;
  full = true;
  for (const [where, body, secret] of [
    ['/groups', { name: 'y', join: 'open' }, ann.secret],
    [path, {}, ben.secret],
    [path, { users: [ben.id] }, ann.secret],
  ] as const) {
    const answer = await v1.post(where, body, secret);
    assert.deepEqual([answer.status, answer.body?.['code']], [409, '9205'], JSON.stringify(answer.body));
    assert.match(String(answer.body?.['detail']), /1000 groups/);
  }
});

test('a group with 100,000 members takes no further member: 9204', async (t) => {
  let full = false;
  const at = await RunningRoute.start({
    storeFor: (store) => ({
      ...store,
      streams: withCalls(store.streams, {
        append: (item, done) => {
          const answer: AppendAnswer = { outcome: 'refused', problem: 'full' };
          if (full) setImmediate(() => done(answer));
          else store.streams.append(item, done);
        },
      }),
    }),
  });
  t.after(() => at.stop());
  const v1 = await V1Client.of(at.route);
  const [ann, ben] = [await v1.join('ann'), await v1.join('ben')];
  const { body: group } = await v1.post('/groups', { name: 'x', join: 'open' }, ann.secret);
  full = true;
  const joined = await v1.post(`/groups/${String(group?.['id'])}/members`, {}, ben.secret);
  assert.deepEqual([joined.status, joined.body?.['code']], [409, '9204']);
  assert.match(String(joined.body?.['detail']), /100,000 members/);
});
