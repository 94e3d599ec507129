import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Epoch, InstanceId, UserId } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { until } from '@cim/testkit';
import { liveSession } from '../../test/live-session.ts';
import { Stored } from '../../test/stored.ts';
import { Look } from './look.ts';
import { SessionRegistry } from '../sessions/session-registry.ts';

const HERE = 'an-instance-here' as InstanceId;
const THERE = 'an-instance-far.' as InstanceId;

let stored: Stored;
before(async () => {
  stored = await Stored.open();
  await stored.store.sessions.openLease(HERE);
  await stored.store.sessions.openLease(THERE);
});
after(() => stored[Symbol.asyncDispose]());

test('a pass closes replaced sessions and those that the store has lost, and leaves the others', async () => {
  const { store } = stored;
  const registry = new SessionRegistry();
  const current = await liveSession(store, 'current', HERE);
  const replaced = await liveSession(store, 'replaced', HERE);
  await liveSession(store, 'replaced', THERE);
  const known = await liveSession(store, 'forgotten', HERE);
  const forgotten = { ...known, epoch: (known.epoch + 1) as Epoch };
  forgotten.close = (reason) => (forgotten.ended = reason);
  for (const session of [current, replaced, forgotten]) registry.add(session);
  const tops: UserId[] = [];
  new Look(store, registry, silentLogger(), (user) => tops.push(user)).now();
  await until('the sessions are looked at', () => replaced.ended !== '' && forgotten.ended !== '');
  assert.deepEqual([current.ended, replaced.ended, forgotten.ended], ['', 'superseded', 'unavailable']);
  assert.deepEqual(tops, [current.userId]);
});

test('closes a session whose life is over, and none before that', async () => {
  const { store } = stored;
  const registry = new SessionRegistry();
  const [over, young] = [await liveSession(store, 'over', HERE), await liveSession(store, 'young', HERE)];
  over.endsAt = Date.now();
  young.endsAt = Date.now() + 60_000;
  for (const session of [over, young]) registry.add(session);
  const tops: UserId[] = [];
  new Look(store, registry, silentLogger(), (user) => tops.push(user)).now();
  await until('the young one is looked at', () => tops.length > 0);
  assert.deepEqual([over.ended, young.ended, tops], ['expired', '', [young.userId]]);
});

test('closes a session that was logged out and whose kick was lost, and one whose claim the store has lost', async () => {
  const { store } = stored;
  const registry = new SessionRegistry();
  const loggedOut = await liveSession(store, 'logged-out', HERE);
  await store.sessions.end(loggedOut.userId);
  const unclaimed = await liveSession(store, 'unclaimed', HERE);
  registry.add(loggedOut);
  registry.add(unclaimed);
  const sessions: typeof store.sessions = Object.create(store.sessions) as typeof store.sessions;
  sessions.epochs = async (users) =>
    (await store.sessions.epochs(users)).map((now, i) =>
      users[i]?.userId === unclaimed.userId ? { ...now, state: 'issued' } : now,
    );
  const tops: UserId[] = [];
  new Look({ ...store, sessions }, registry, silentLogger(), (user) => tops.push(user)).now();
  await until('both are closed', () => loggedOut.ended !== '' && unclaimed.ended !== '');
  assert.deepEqual(tops, [], 'nothing is reported for a session that is not current');
  assert.deepEqual([loggedOut.ended, unclaimed.ended], ['logged-out', 'unavailable']);
});

test('visits each session once in a pass, also those that came meanwhile', async () => {
  const { store } = stored;
  const registry = new SessionRegistry();
  const looks: string[] = [];
  const sessionOf = async (name: string) =>
    Object.assign(await liveSession(store, name, HERE), { look: () => looks.push(name) });
  for (const name of ['first', 'second', 'third', 'fourth']) registry.add(await sessionOf(name));
  const late = await sessionOf('late');
  const look = new Look(store, registry, silentLogger(), () => undefined, 1_200);
  look.start();
  await until('two are looked at', () => looks.length === 2);
  registry.add(late);
  await until('all are looked at, and the first again', () => looks.length === 7);
  look.stop();
  assert.deepEqual(looks, ['first', 'second', 'third', 'fourth', 'late', 'first', 'second']);
});

test('visits sessions that stay, however often others come and go', async () => {
  const { store } = stored;
  const registry = new SessionRegistry();
  const looks: string[] = [];
  const sessionOf = async (name: string, look: () => void) =>
    Object.assign(await liveSession(store, name, HERE), { look });
  registry.add(await sessionOf('stays', () => looks.push('stays')));
  const comesAgain = await sessionOf('comes-again', () => {
    looks.push('comes again');
    // The session is added again, so it is the last one before the next pass.
    registry.remove(comesAgain);
    registry.add(comesAgain);
  });
  registry.add(comesAgain);
  const look = new Look(store, registry, silentLogger(), () => undefined, 240);
  look.start();
  await until('who stays is looked at again', () => looks.filter((who) => who === 'stays').length === 2);
  look.stop();
  assert.ok(looks.length <= 6, looks.join());
});

test('a store that does not answer is asked again, and logged once', async () => {
  const { store } = stored;
  const registry = new SessionRegistry();
  let fails = 2;
  const failing = {
    sessions: store.sessions,
    streams: {
      positions: (streams: Parameters<typeof store.streams.positions>[0]) =>
        fails-- > 0 ? Promise.reject(new Error('no answer')) : store.streams.positions(streams),
    },
  } as unknown as typeof store;
  const looks: string[] = [];
  for (const name of ['one', 'two', 'three']) {
    const session = await liveSession(store, name, HERE);
    registry.add(Object.assign(session, { look: () => looks.push(name) }));
  }
  const warnings: unknown[] = [];
  const logger = Object.assign(silentLogger(), { warn: (...said: unknown[]) => warnings.push(said[1]) });
  const look = new Look(failing, registry, logger, () => undefined, 480);
  look.start();
  await until('all are looked at', () => looks.length >= 3);
  look.stop();
  assert.deepEqual(looks.slice(0, 3), ['three', 'one', 'two']);
  assert.deepEqual(warnings, ['look.failed']);
});
