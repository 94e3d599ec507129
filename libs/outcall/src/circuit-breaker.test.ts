import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CircuitBreaker } from './circuit-breaker.ts';

function begin() {
  const clock = { ms: 0 };
  return { clock, breaker: new CircuitBreaker({ failures: 3, openMs: 1_000, now: () => clock.ms }) };
}

test('the circuit opens after that many failures in a row, and not before', () => {
  const { breaker } = begin();
  breaker.failed();
  breaker.failed();
  breaker.succeeded();
  breaker.failed();
  breaker.failed();
  assert.equal(breaker.state, 'closed');
  assert.ok(breaker.admits());
  breaker.failed();
  assert.equal(breaker.state, 'open');
  assert.ok(!breaker.admits());
});

test('when its time is over the circuit lets one call try, and closes when that call succeeds', () => {
  const { breaker, clock } = begin();
  for (let i = 0; i < 3; i++) breaker.failed();
  clock.ms = 999;
  assert.ok(!breaker.admits());
  clock.ms = 1_000;
  assert.equal(breaker.state, 'half-open');
  assert.ok(breaker.admits());
  assert.ok(!breaker.admits());
  breaker.succeeded();
  assert.equal(breaker.state, 'closed');
  assert.ok(breaker.admits() && breaker.admits());
});

test('the circuit opens again at once when the call that tries fails', () => {
  const { breaker, clock } = begin();
  for (let i = 0; i < 3; i++) breaker.failed();
  clock.ms = 1_000;
  assert.ok(breaker.admits());
  breaker.failed();
  assert.equal(breaker.state, 'open');
  clock.ms = 2_000;
  assert.ok(breaker.admits());
});
