import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UserId } from '@cim/protocol';
import type { GroupLog } from '../subscriptions/group-log.ts';
import { GroupWatch, type GroupWatchParts } from './group-watch.ts';

function watch(over: Partial<GroupWatchParts> = {}): { watch: GroupWatch; said: string[] } {
  const said: string[] = [];
  const logs = Array.from(
    { length: 70 },
    (_, i) =>
      ({
        lookNow: () => {
          said.push(`look ${i}`);
          return Promise.resolve();
        },
        forget: () => undefined,
      }) as unknown as GroupLog,
  );
  const parts: GroupWatchParts = {
    logs: { all: () => logs.values(), size: logs.length },
    interest: { renew: () => Promise.resolve(void said.push('renew')) },
    groups: { settle: () => Promise.resolve([]) },
    changed: (users) => void said.push(`changed ${users.join()}`),
    failed: { due: () => void said.push('failed') },
    ...over,
  };
  return { watch: new GroupWatch(parts), said };
}

test('a pass comes to each group once, a portion at a time', () => {
  const { watch: groups, said } = watch();
  for (let i = 0; i < 30; i++) groups.lookAtPortion();
  const first = said.slice(0, 70);
  assert.deepEqual(
    [...first].sort(),
    Array.from({ length: 70 }, (_, i) => `look ${i}`).sort(),
    'each is met before any is met again',
  );
});

test('a server that serves again tells the store what it follows, and reads the tops of all groups', () => {
  const { watch: groups, said } = watch();
  groups.now();
  assert.equal(said.filter((line) => line.startsWith('look')).length, 70);
  assert.ok(said.includes('renew'));
});

test('sessions of users whose side of a group was completed are told', async () => {
  const left = [[1_001 as UserId], []];
  const { watch: groups, said } = watch({ groups: { settle: () => Promise.resolve(left.shift() ?? []) } });
  await groups.settle();
  await groups.settle();
  assert.deepEqual(said, ['changed 1001']);
});

test('a store that does not answer ends nothing: the next call does it', async () => {
  let fails = true;
  const answer = <T>(value: T): Promise<T> =>
    fails ? Promise.reject(new Error('away')) : Promise.resolve(value);
  const { watch: groups, said } = watch({
    groups: { settle: () => answer([1_002 as UserId]) },
    interest: { renew: () => answer(undefined) },
  });
  await groups.settle();
  await groups.renew();
  assert.deepEqual(said, ['failed', 'failed']);
  fails = false;
  await groups.settle();
  assert.deepEqual(said, ['failed', 'failed', 'changed 1002']);
});
