import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginRate } from './login-rate.ts';

test('a bucket gives a second of logins at once, then as they come due, and never saves up more', () => {
  let now = 0;
  const rate = new LoginRate(10, () => now);
  const takeAll = (): number => {
    let taken = 0;
    while (rate.take()) taken++;
    return taken;
  };
  assert.equal(takeAll(), 10);
  now += 99;
  assert.equal(takeAll(), 0);
  now += 1;
  assert.equal(takeAll(), 1);
  now += 500;
  assert.equal(takeAll(), 5);
  now += 3_600_000;
  assert.equal(takeAll(), 10);
});
