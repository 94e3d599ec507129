import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doorLimitsFor, type Visit, Visits } from './visits.ts';

const visit = (answer: ReturnType<Visits['enter']>): Visit => {
  if (typeof answer === 'string') assert.fail(`refused by ${answer}`);
  return answer;
};

test('a tenth of the connections may be strangers, and half of these of one address', () => {
  assert.deepEqual(doorLimitsFor(20_000), {
    connections: 20_000,
    strangers: 2_000,
    strangersOfAddress: 1_000,
  });
  assert.deepEqual(doorLimitsFor(900), { connections: 900, strangers: 256, strangersOfAddress: 128 });
  assert.deepEqual(doorLimitsFor(100), { connections: 100, strangers: 100, strangersOfAddress: 50 });
});

test('each limit refuses by its own name, and is free again when a visit ends or logs in', () => {
  const visits = new Visits({ connections: 4, strangers: 3, strangersOfAddress: 2 });
  const first = visit(visits.enter('a'));
  const second = visit(visits.enter('a'));
  assert.equal(visits.enter('a'), 'strangers-of-address');
  visit(visits.enter('b'));
  assert.equal(visits.enter('c'), 'strangers');
  first.loggedIn();
  const fourth = visit(visits.enter('a'));
  assert.equal(visits.enter('c'), 'connections');
  second.end();
  fourth.loggedIn();
  visit(visits.enter('c'));
  assert.deepEqual([visits.connections, visits.strangers], [4, 2]);
});

test('a visit counts once, however often it logs in and ends', () => {
  const visits = new Visits({ connections: 2, strangers: 2, strangersOfAddress: 2 });
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
