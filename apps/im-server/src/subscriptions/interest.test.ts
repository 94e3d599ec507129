import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupId, InstanceId } from '@cim/protocol';
import { Interest } from './interest.ts';

const [a, b] = ['1', '2'] as GroupId[] as [GroupId, GroupId];

/** A store that records its calls, and answers when the test says so. */
function open() {
  const told: string[] = [];
  const answers: ((failed?: Error) => void)[] = [];
  const state = { instance: 'first' as InstanceId };
  const call = (what: string) => (groups: readonly GroupId[], at: InstanceId) => {
    told.push(`${what} ${groups.join()} ${at}`);
    return new Promise<void>((resolve, reject) =>
      answers.push((failed) => (failed === undefined ? resolve() : reject(failed))),
    );
  };
  const groups = { follow: call('follow'), unfollow: call('unfollow') };
  const interest = new Interest(groups, () => state.instance);
  /** Lets the store answer its call. */
  const answer = async (failed?: Error): Promise<void> => {
    for (let i = 0; i < 5; i++) await Promise.resolve();
    answers.shift()?.(failed);
    for (let i = 0; i < 5; i++) await Promise.resolve();
  };
  return { interest, told, state, answer };
}

test('changes during a call to the store go with the next call, in order', async () => {
  const { interest, told, answer } = open();
  const first = interest.want([a]);
  await answer();
  await first;
  interest.drop(a);
  const both = Promise.all([interest.want([a]), interest.want([b])]);
  // The group is wanted again before the store was told, so the store is told neither.
  await answer();
  await both;
  assert.deepEqual(told, ['follow 1 first', 'follow 1,2 first']);
});

test('a failed change is told again with the next call', async () => {
  const { interest, told, answer } = open();
  const failing = interest.want([a]);
  await answer(new Error('away'));
  await assert.rejects(failing, /away/);
  const again = interest.want([a]);
  await answer();
  await again;
  assert.deepEqual(told, ['follow 1 first', 'follow 1 first']);
});

test('everything is told again under another instance id, also when the id changes during a call', async () => {
  const { interest, told, state, answer } = open();
  const first = interest.want([a]);
  for (let i = 0; i < 5; i++) await Promise.resolve();
  state.instance = 'second' as InstanceId;
  await answer();
  await answer();
  await first;
  assert.deepEqual(told, ['follow 1 first', 'follow 1 second']);
  state.instance = 'third' as InstanceId;
  const renewed = interest.renew();
  await answer();
  await renewed;
  assert.deepEqual(told.slice(2), ['follow 1 third']);
});
