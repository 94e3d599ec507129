import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CIM_DEVICE, type Epoch, inboxOf, type InstanceId, type StreamRef, type UserId } from '@cim/protocol';
import { RareWarning, silentLogger } from '@cim/runtime';
import type { Store } from '@cim/store';
import { FailedPushes } from './failed-pushes.ts';

const AT = { device: CIM_DEVICE, instance: 'instance-of-them' as InstanceId, epoch: 1 as Epoch };

/** Failed pushes with a store whose answers the test decides. */
function failedPushes() {
  const state = {
    answers: true,
    locate: () => Promise.resolve([AT]),
  };
  const asked: UserId[] = [];
  const noted: StreamRef[] = [];
  const store = {
    sessions: {
      locate: (user: UserId) => {
        asked.push(user);
        return state.answers ? state.locate() : Promise.reject(new Error('no answer'));
      },
    },
    streams: {
      markDirty: (_at: InstanceId, stream: StreamRef) => {
        noted.push(stream);
        return Promise.resolve();
      },
    },
  } as unknown as Pick<Store, 'sessions' | 'streams'>;
  const pushes = new FailedPushes(store, new RareWarning(silentLogger(), 'push.not-noted'));
  return { pushes, state, asked, noted };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('asks about one user until the store answers, then about all, and notes each once', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { pushes, state, asked, noted } = failedPushes();
  state.answers = false;
  const users = Array.from({ length: 600 }, (_, i) => (i + 1) as UserId);
  for (const user of [...users, ...users]) pushes.add(user);
  for (let i = 1; i <= 3; i++) {
    t.mock.timers.tick(500);
    await settled();
    assert.equal(asked.length, i);
  }
  state.answers = true;
  t.mock.timers.tick(500);
  for (let i = 0; i < 5; i++) await settled();
  assert.deepEqual(
    noted.map((stream) => stream.kind === 'inbox' && stream.user).sort((a, b) => Number(a) - Number(b)),
    users,
  );
  t.mock.timers.tick(5_000);
  await settled();
  assert.equal(noted.length, users.length);
});

test('notes a user again whose next push fails while the store is asked', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { pushes, state, noted } = failedPushes();
  const user = 7 as UserId;
  state.locate = () => {
    if (noted.length === 0) pushes.add(user);
    return Promise.resolve([AT]);
  };
  pushes.add(user);
  for (let i = 0; i < 3; i++) {
    t.mock.timers.tick(500);
    await settled();
  }
  assert.deepEqual(noted, [inboxOf(user), inboxOf(user)]);
});

test('a user who is offline needs no note', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { pushes, state, asked, noted } = failedPushes();
  state.locate = () => Promise.resolve([]);
  pushes.add(7 as UserId);
  for (let i = 0; i < 3; i++) {
    t.mock.timers.tick(500);
    await settled();
  }
  assert.deepEqual([asked.length, noted.length], [1, 0]);
});
