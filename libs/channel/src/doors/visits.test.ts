import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AddressLimits, doorLimitsFor, type Visit, Visits } from './visits.ts';

const EACH: AddressLimits = { connections: 9, suspendedMs: () => 0, arrive: () => 0, groupOf: (ip) => ip };
const refusedBy = (answer: ReturnType<Visits['enter']>): string =>
  'limit' in answer ? answer.limit : 'nothing';

const visit = (answer: ReturnType<Visits['enter']>): Visit => {
  if ('limit' in answer) assert.fail(`refused by ${answer.limit}`);
  return answer;
};

test('a tenth of the connections may be strangers, and half of these may come from one address', () => {
  assert.deepEqual(doorLimitsFor(20_000), {
    connections: 20_000,
    strangers: 2_000,
    strangersOfAddress: 1_000,
  });
  assert.deepEqual(doorLimitsFor(900), { connections: 900, strangers: 256, strangersOfAddress: 128 });
  assert.deepEqual(doorLimitsFor(100), { connections: 100, strangers: 100, strangersOfAddress: 50 });
});

test('each limit refuses by its own name, and is free again when a visit ends or logs in', () => {
  const visits = new Visits({ connections: 4, strangers: 3, strangersOfAddress: 2 }, EACH);
  const first = visit(visits.enter('a'));
  const second = visit(visits.enter('a'));
  assert.equal(refusedBy(visits.enter('a')), 'strangers-of-address');
  visit(visits.enter('b'));
  assert.equal(refusedBy(visits.enter('c')), 'strangers');
  first.loggedIn();
  const fourth = visit(visits.enter('a'));
  assert.equal(refusedBy(visits.enter('c')), 'connections');
  second.end();
  fourth.loggedIn();
  visit(visits.enter('c'));
  assert.deepEqual([visits.connections, visits.strangers], [4, 2]);
});

test('while something is scarce, an eighth of the strangers is let in, half of these of one address; who is logged in stays', () => {
  const supplies: { supply: 'enough' | 'scarce' } = { supply: 'scarce' };
  const visits = new Visits({ connections: 100, strangers: 32, strangersOfAddress: 16 }, EACH, supplies);
  const strangers = [visit(visits.enter('a')), visit(visits.enter('a'))];
  assert.deepEqual(visits.enter('a'), { limit: 'scarce', afterMs: 5_000 });
  for (const ip of ['b', 'c']) strangers.push(visit(visits.enter(ip)));
  assert.equal(refusedBy(visits.enter('d')), 'scarce');
  // A user who shows a ticket makes room for the next one.
  for (const stranger of strangers) stranger.loggedIn();
  visit(visits.enter('d'));
  visit(visits.enter('a'));
  supplies.supply = 'enough';
  for (let n = 0; n < 5; n++) visit(visits.enter('d'));
  assert.deepEqual([visits.connections, visits.strangers], [11, 7]);
});

test('a visit counts once, however often it logs in and ends', () => {
  const visits = new Visits({ connections: 2, strangers: 2, strangersOfAddress: 2 }, EACH);
  const one = visit(visits.enter('a'));
  one.loggedIn();
  one.loggedIn();
  one.end();
  one.end();
  assert.deepEqual([visits.connections, visits.strangers], [0, 0]);
  const other = visit(visits.enter('a'));
  other.end();
  assert.deepEqual([visits.connections, visits.strangers], [0, 0]);
});

test('connections of one address are bounded, logged in or not, and how fast they come; an address without limits has none', () => {
  let token = true;
  const address: AddressLimits = {
    connections: 2,
    suspendedMs: (ip) => (ip === 'banned' ? 60_000 : 0),
    arrive: () => (token ? 0 : 700),
    groupOf: (ip) => (ip === 'own' ? undefined : ip),
  };
  const visits = new Visits({ connections: 9, strangers: 9, strangersOfAddress: 9 }, address);
  const first = visit(visits.enter('a'));
  first.loggedIn();
  visit(visits.enter('a'));
  assert.equal(refusedBy(visits.enter('a')), 'connections-of-address');
  assert.equal(visits.connections, 2);
  first.end();
  visit(visits.enter('a'));
  assert.deepEqual(visits.enter('banned'), { limit: 'suspended', afterMs: 60_000 });
  token = false;
  assert.deepEqual(visits.enter('b'), { limit: 'connect-rate', afterMs: 700 });
  for (let i = 0; i < 5; i++) visit(visits.enter('own'));
  assert.deepEqual([visits.connections, visits.strangers], [7, 7]);
});
