import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupId, InstanceId, Seq, UserId } from '@cim/protocol';
import type { Member, Store } from '@cim/store';
import { Away } from './away.ts';

const GROUP = '17' as GroupId;

function open(members: readonly (readonly [user: number, joined: number])[], count = members.length) {
  const state = { now: 0, online: new Set<number>(), located: [] as number[], listed: 0, fails: false };
  const store = {
    groups: {
      find: () => Promise.resolve({ members: count }),
      members: () => {
        state.listed++;
        return Promise.resolve({
          items: members.map(([userId, joined]) => ({ userId, joined }) as unknown as Member),
        });
      },
    },
    sessions: {
      locate: (user: UserId) => {
        state.located.push(user);
        if (state.fails) return Promise.reject(new Error('away'));
        const at = { device: 'cim', instance: 'i' as InstanceId, epoch: 1 };
        return Promise.resolve(state.online.has(user) ? [at] : []);
      },
    },
  } as unknown as Pick<Store, 'groups' | 'sessions'>;
  const away = new Away(store, () => state.now);
  const ask = (seq: number, sender: number) =>
    away.of({ group: GROUP, seq: seq as Seq, sender: sender as UserId });
  return { state, away, ask };
}

test('members who are away are named, without the sender and those who joined after the message', async () => {
  const { state, ask } = open([
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 5],
  ]);
  state.online.add(2);
  assert.deepEqual(await ask(3, 1), { users: ['3'] });
  assert.deepEqual(await ask(6, 3), { users: ['1', '4'] });
  state.online.add(1).add(3).add(4);
  state.now = 2_000;
  assert.equal(await ask(6, 2), undefined);
});

test('what was looked up is believed for 2 s, and a failure is not', async () => {
  const { state, ask } = open([
    [1, 1],
    [2, 1],
  ]);
  state.fails = true;
  await assert.rejects(ask(3, 1), /away/);
  state.fails = false;
  for (let i = 0; i < 3; i++) assert.deepEqual(await ask(3 + i, 1), { users: ['2'] });
  assert.deepEqual([state.located, state.listed], [[2, 2], 1]);
  state.now = 2_000;
  state.online.add(2);
  assert.equal(await ask(9, 1), undefined);
  assert.deepEqual([state.located.length, state.listed], [3, 2]);
});

test('a group with more than 1,000 members is not looked up: the event says how many it has', async () => {
  const { state, ask } = open([], 1_001);
  assert.deepEqual(await ask(3, 1), { members: 1_001 });
  assert.deepEqual([state.located, state.listed], [[], 0]);
});
