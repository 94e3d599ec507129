import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CIM_DEVICE, type Epoch, type InstanceId, type UserId } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import type { SessionAt } from '@cim/store';
import { type Found, Locations } from './locations.ts';

const USER = 7 as UserId;
const AT: SessionAt = { device: CIM_DEVICE, instance: 'here' as InstanceId, epoch: 1 as Epoch };

/** Locations whose look-ups the test answers one by one. */
function look() {
  const open: ((at: SessionAt[] | Error) => void)[] = [];
  const locate = (): Promise<SessionAt[]> =>
    new Promise((resolve, reject) =>
      open.push((at) => {
        if (at instanceof Error) reject(at);
        else resolve(at);
      }),
    );
  const answers: Found[] = [];
  const locations = new Locations({ locate }, silentLogger());
  return {
    open,
    answers,
    findAndThrow: () =>
      locations.find(USER, {
        located: () => {
          throw new Error('a fault of one caller');
        },
      }),
    expect: () => locations.expect(USER),
    find: () => locations.find(USER, { located: (found) => void answers.push(found) }),
    answer: async (at: SessionAt[] | Error) => {
      open.shift()?.(at);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('locations', () => {
  test('a caller that asks during a look-up shares the place that it finds', async () => {
    const { open, answers, find, answer } = look();
    for (let i = 0; i < 3; i++) find();
    assert.equal(open.length, 1);
    await answer([AT]);
    assert.deepEqual(answers, [[AT], [AT], [AT]]);
    find();
    assert.deepEqual([answers.length, open.length], [4, 0]);
  });

  test('a caller that throws keeps nobody else waiting', async () => {
    const { answers, find, findAndThrow, answer } = look();
    findAndThrow();
    find();
    await answer([AT]);
    assert.deepEqual(answers, [[AT]]);
  });

  test('a user who was online a while ago can be looked up before anybody asks', async (t) => {
    let now = performance.now();
    t.mock.method(performance, 'now', () => now);
    const { open, answers, find, expect, answer } = look();
    expect();
    assert.equal(open.length, 0, 'nobody knows of a session');
    find();
    await answer([AT]);
    expect();
    assert.equal(open.length, 0, 'the location is still used');
    now += 3_000;
    expect();
    expect();
    assert.equal(open.length, 1);
    find();
    assert.equal(answers.length, 1, 'the location is too old and is not used');
    await answer([AT]);
    assert.deepEqual([answers, open.length], [[[AT], [AT]], 0]);

    now += 3_000;
    expect();
    find();
    await answer([]);
    assert.deepEqual(
      [answers.length, open.length],
      [2, 1],
      'a login may have come since: it is looked up once more',
    );
    await answer([]);
    assert.deepEqual(answers, [[AT], [AT], []]);
    expect();
    assert.equal(open.length, 0);
  });

  test('a caller that asks during a look-up does not share the answer "offline": the user may have logged in since', async () => {
    const { open, answers, find, answer } = look();
    for (let i = 0; i < 3; i++) find();
    await answer([]);
    assert.deepEqual(answers, [[]]);
    assert.equal(open.length, 1, 'one look-up for all who came later');
    await answer([AT]);
    assert.deepEqual(answers, [[], [AT], [AT]]);
  });

  test('a store that does not answer makes nobody offline: every caller gets "unknown"', async () => {
    const { open, answers, find, answer } = look();
    for (let i = 0; i < 3; i++) find();
    await answer(new Error('no answer'));
    assert.deepEqual([answers, open.length], [['unknown', 'unknown', 'unknown'], 0]);
    find();
    assert.equal(open.length, 1, 'the next one asks again');
    await answer([AT]);
    assert.deepEqual(answers.at(-1), [AT]);
  });
});
