import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Epoch, InstanceId } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { until } from '@cim/testkit';
import { liveSession } from '../test/live-session.ts';
import { Stored } from '../test/stored.ts';
import { Look } from './look.ts';
import { SessionRegistry } from './session-registry.ts';

const HERE = 'an-instance-here' as InstanceId;
const THERE = 'an-instance-far.' as InstanceId;

let stored: Stored;
before(async () => {
  stored = await Stored.open();
  await stored.store.sessions.openLease(HERE);
  await stored.store.sessions.openLease(THERE);
});
after(() => stored[Symbol.asyncDispose]());

test('a look ends what a newer login has replaced, sends away whom the store has lost, and leaves the others', async () => {
  const { store } = stored;
  const registry = new SessionRegistry();
  const current = await liveSession(store, 'current', HERE);
  const replaced = await liveSession(store, 'replaced', HERE);
  await liveSession(store, 'replaced', THERE);
  const known = await liveSession(store, 'forgotten', HERE);
  const forgotten = { ...known, epoch: (known.epoch + 1) as Epoch };
  forgotten.close = (reason) => (forgotten.ended = reason);
  for (const session of [current, replaced, forgotten]) registry.add(session);
  new Look(store, registry, silentLogger()).now();
  await until('the sessions are looked at', () => replaced.ended !== '' && forgotten.ended !== '');
  assert.deepEqual([current.ended, replaced.ended, forgotten.ended], ['', 'superseded', 'unavailable']);
});
