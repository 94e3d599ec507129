import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@cim/runtime';
import type { Ban, Bans, Subject } from '@cim/store';
import { until } from '@cim/testkit';
import { Suspensions } from './suspensions.ts';

const EVE: Subject = 'address:192.0.2.1';
const BOB: Subject = 'user:1001';

function open(offences = { tokens: 1, intervalMs: 1_000, burst: 3 }) {
  const state = { now: 1_000, list: [] as Ban[], away: false };
  const calls: string[] = [];
  const told: string[] = [];
  const found: string[] = [];
  const answer = <T>(value: T): Promise<T> =>
    state.away ? Promise.reject(new Error('away')) : Promise.resolve(value);
  const banOf = (subject: Subject): Ban => ({ subject, leftMs: 60_000, step: 1, reason: 'x' });
  const bans: Bans = {
    list: () => answer(state.list),
    suspend: (subject, reason) => {
      calls.push(`suspend ${subject} ${reason}`);
      return answer(banOf(subject));
    },
    asked: (subject) => {
      calls.push(`asked ${subject}`);
      return answer(banOf(subject));
    },
    ban: (subject) => answer(banOf(subject)),
    unban: () => answer(true),
  };
  const suspensions = new Suspensions({
    ...{ bans, offences, logger: silentLogger(), now: () => state.now },
    tell: (subject, leftMs) => told.push(`${subject} ${leftMs}`),
  });
  suspensions.onSuspended((subject) => found.push(subject));
  return { suspensions, state, calls, told, found };
}

test('offences are forgiven with time; too many of them suspend once, and all im-servers are told', async () => {
  const { suspensions, state, calls, told, found } = open();
  for (let i = 0; i < 3; i++) suspensions.offence(EVE, 'logins');
  state.now += 3_000;
  for (let i = 0; i < 3; i++) suspensions.offence(EVE, 'logins');
  assert.deepEqual(calls, []);
  suspensions.offence(EVE, 'logins');
  await until('it is told', () => told.length === 1);
  suspensions.offence(EVE, 'logins');
  assert.deepEqual([calls, told, found], [[`suspend ${EVE} logins`], [`${EVE} 60000`], [EVE]]);
  assert.equal(suspensions.leftMs(EVE), 60_000);
  assert.equal(suspensions.leftMs(BOB), 0);
  state.now += 60_000;
  assert.equal(suspensions.leftMs(EVE), 0);
});

test('a request of a suspended subject is reported to the store, at most once a second; other requests are not', async () => {
  const { suspensions, calls } = open();
  assert.equal(suspensions.ask(BOB), 0);
  suspensions.learn(BOB, 60_000);
  for (let i = 0; i < 100; i++) assert.ok(suspensions.ask(BOB) > 0);
  await until('it is asked', () => calls.length > 0);
  assert.deepEqual(calls, [`asked ${BOB}`]);
});

test('a poll finds new and ended bans; a store that is away changes nothing', async () => {
  const { suspensions, state, found } = open();
  state.list = [{ subject: EVE, leftMs: 5_000, step: 0, reason: 'x' }];
  await suspensions.poll();
  await suspensions.poll();
  assert.deepEqual(found, [EVE]);
  state.away = true;
  await suspensions.poll();
  assert.equal(suspensions.leftMs(EVE), 5_000);
  state.away = false;
  state.list = [];
  await suspensions.poll();
  assert.equal(suspensions.leftMs(EVE), 0);
});

test('a poll does not undo a call that came while it was under way', async () => {
  const { suspensions } = open();
  const polling = suspensions.poll();
  suspensions.learn(BOB, 60_000);
  await polling;
  assert.ok(suspensions.leftMs(BOB) > 0);
});
