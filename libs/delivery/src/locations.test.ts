import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Epoch, InstanceId, UserId } from '@cim/protocol';
import type { SessionAt } from '@cim/store';
import { Locations } from './locations.ts';

const USER = 7 as UserId;
const AT: SessionAt = { instance: 'here' as InstanceId, epoch: 1 as Epoch };

/** Look-ups are answered one by one, when the test says so. */
function look() {
  const open: ((at: SessionAt | undefined) => void)[] = [];
  const locate = (): Promise<SessionAt | undefined> => new Promise((resolve) => open.push(resolve));
  const answers: (SessionAt | undefined)[] = [];
  const locations = new Locations({ locate });
  return {
    open,
    answers,
    find: () => locations.find(USER, (at) => answers.push(at)),
    answer: async (at: SessionAt | undefined) => {
      open.shift()?.(at);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('locations', () => {
  test('who asks while a look-up is under way shares the place that it finds', async () => {
    const { open, answers, find, answer } = look();
    for (let i = 0; i < 3; i++) find();
    assert.equal(open.length, 1);
    await answer(AT);
    assert.deepEqual(answers, [AT, AT, AT]);
    find();
    assert.deepEqual([answers.length, open.length], [4, 0]);
  });

  test('who asks while a look-up is under way does not share that it finds nobody: a login may have come since', async () => {
    const { open, answers, find, answer } = look();
    for (let i = 0; i < 3; i++) find();
    await answer(undefined);
    assert.deepEqual(answers, [undefined]);
    assert.equal(open.length, 1, 'one look-up for all who came later');
    await answer(AT);
    assert.deepEqual(answers, [undefined, AT, AT]);
  });
});
