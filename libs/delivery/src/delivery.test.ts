import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import {
  DEFAULT_DEVICE,
  type Epoch,
  type InstanceId,
  type StreamRef,
  streamName,
  type UserId,
} from '@cim/protocol';
import type { SessionAt } from '@cim/store';
import { Delivery } from './delivery.ts';
import type { Found } from './locations.ts';
import type { Push, PushOutcome } from './servers.ts';

const USER = 7 as UserId;
const at = (...names: string[]): SessionAt[] =>
  names.map((name) => ({ instance: name as InstanceId, device: DEFAULT_DEVICE, epoch: 1 as Epoch }));

/** A delivery whose im-servers and store answer as the test says. */
function pushing(places: Found[], everywhere: string[] = []) {
  /** Pushes to im-servers that have not answered yet. */
  const open: { readonly name: string; readonly push: Push }[] = [];
  const rung: string[] = [];
  const noted: string[] = [];
  const notNoted: UserId[] = [];
  const observed: string[] = [];
  const handed: (boolean | 'unknown')[] = [];
  const state = { takesNotes: true };
  const push = new Delivery(
    USER,
    undefined,
    undefined,
    {
      streams: {
        markDirty: (instance: InstanceId, stream: StreamRef) => {
          if (!state.takesNotes) return Promise.reject(new Error('no answer'));
          noted.push(`${instance} ${streamName(stream)}`);
          return Promise.resolve();
        },
      },
      locations: {
        find: (_user, asker) => setImmediate(() => asker.located(places.shift() ?? [])),
        forget: () => undefined,
      },
      observer: { pushed: (outcome) => observed.push(outcome) },
      failed: { add: (user) => notNoted.push(user) },
      servers: {
        everywhere: () => everywhere as InstanceId[],
        push: (instance, ringing) => {
          rung.push(instance);
          open.push({ name: instance, push: ringing });
        },
      },
    },
    { handed: ({ online }) => handed.push(online) },
  );
  push.begin();
  const answer = async (name: string, outcome: PushOutcome | 'written'): Promise<void> => {
    const i = open.findIndex((one) => one.name === name);
    const ringing = open[i]?.push;
    assert.ok(ringing, `${name} was rung`);
    if (outcome === 'written') ringing.written();
    else {
      open.splice(i, 1);
      ringing.ended(outcome);
    }
    for (let k = 0; k < 5; k++) await turn();
  };
  return { rung, noted, notNoted, observed, handed, state, answer };
}

test('each im-server that holds a device is rung once, however many devices it holds', async () => {
  const { rung, observed, handed, answer } = pushing([at('a', 'b', 'a')]);
  await turn();
  assert.deepEqual(rung, ['a', 'b']);
  await answer('a', 'taken');
  assert.deepEqual(handed, []);
  await answer('b', 'taken');
  assert.deepEqual([rung, observed, handed], [['a', 'b'], ['taken', 'taken'], [true]]);
});

test('the sender is answered when the push was written to every im-server', async () => {
  const { handed, answer } = pushing([at('a', 'b')]);
  await turn();
  await answer('a', 'written');
  assert.deepEqual(handed, []);
  await answer('b', 'written');
  assert.deepEqual(handed, [true]);
  await answer('a', 'taken');
  await answer('b', 'taken');
  assert.deepEqual(handed, [true]);
});

test('only the im-server that does not answer is rung again, and noted when it does not answer twice', async () => {
  const { rung, noted, observed, handed, answer } = pushing([at('a', 'b'), at('a', 'b')]);
  await turn();
  await answer('a', 'taken');
  await answer('b', 'failed');
  assert.deepEqual([rung, handed], [['a', 'b', 'b'], []]);
  await answer('b', 'failed');
  assert.deepEqual(
    [rung, noted, observed, handed],
    [['a', 'b', 'b'], ['b inbox:7'], ['taken', 'noted'], [true]],
  );
});

test('a device that has moved is followed, and noted where it is now', async () => {
  const { rung, noted, handed, answer } = pushing([at('a', 'b'), at('a', 'c')]);
  await turn();
  await answer('a', 'taken');
  await answer('b', 'gone');
  assert.deepEqual(rung, ['a', 'b', 'c']);
  await answer('c', 'failed');
  assert.deepEqual([noted, handed], [['c inbox:7'], [true]]);
});

test('a user who has left is offline', async () => {
  const { rung, observed, handed, answer } = pushing([at('a'), []]);
  await turn();
  await answer('a', 'gone');
  assert.deepEqual([rung, observed, handed], [['a'], ['nowhere'], [false]]);
});

test('a note that the store does not take is left to FailedPushes', async () => {
  const { state, notNoted, observed, handed, answer } = pushing([at('a'), at('a')]);
  state.takesNotes = false;
  await turn();
  await answer('a', 'failed');
  await answer('a', 'failed');
  assert.deepEqual([notNoted, observed, handed], [[USER], ['not-noted'], [true]]);
});

test('a user whom the store cannot locate is looked for everywhere, and is not sure to have all while a server is silent', async () => {
  const { rung, notNoted, observed, handed, answer } = pushing(['unknown'], ['a', 'b', 'c']);
  await turn();
  assert.deepEqual(rung, ['a', 'b', 'c']);
  await answer('a', 'taken');
  await answer('b', 'gone');
  await answer('c', 'failed');
  assert.deepEqual([notNoted, observed, handed], [[USER], ['not-noted'], [true]]);
});

test('when every im-server has answered, one that took the entry is enough', async () => {
  const { notNoted, observed, handed, answer } = pushing(['unknown'], ['a', 'b']);
  await turn();
  await answer('b', 'gone');
  await answer('a', 'taken');
  assert.deepEqual([notNoted, observed, handed], [[], ['taken'], [true]]);
});

test('when the store falls silent after the first try, every im-server that has not taken the entry is asked', async () => {
  const { rung, notNoted, handed, answer } = pushing([at('a', 'b'), 'unknown'], ['a', 'b', 'c']);
  await turn();
  await answer('a', 'taken');
  await answer('b', 'failed');
  assert.deepEqual(rung, ['a', 'b', 'b', 'c']);
  await answer('b', 'gone');
  await answer('c', 'gone');
  assert.deepEqual([notNoted, handed], [[USER], [true]]);
});
