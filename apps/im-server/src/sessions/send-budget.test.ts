import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SendBudget, type Waiter } from './send-budget.ts';

const MIB = 1024 * 1024;
const NOBODY: Waiter = { onRelief: () => undefined };

test('a spent budget relieves every waiting session once, when half of it is free', () => {
  const budget = new SendBudget();
  let relieved = 0;
  const waiters: Waiter[] = Array.from({ length: 3 }, () => ({
    onRelief: () => {
      relieved++;
    },
  }));
  const [left, ...others] = waiters as [Waiter, ...Waiter[]];
  for (let mib = 0; mib < 15; mib++) assert.ok(!budget.begin(MIB, left));
  assert.ok(budget.begin(MIB, left));
  for (const waiter of others) assert.ok(budget.begin(0, waiter));
  assert.equal(budget.waiting, 3);
  budget.leave(left);
  for (let mib = 0; mib < 7; mib++) budget.end(MIB);
  assert.equal(relieved, 0);
  budget.end(MIB);
  assert.equal(relieved, 2);
  for (let mib = 0; mib < 8; mib++) budget.end(MIB);
  assert.equal(relieved, 2);
});

test('many small sends spend it as a few long ones do', () => {
  const budget = new SendBudget();
  let sends = 1;
  while (!budget.begin(10, NOBODY)) sends++;
  assert.equal(sends, 8_192);
});

test('a session that is relieved and spends the budget again waits again', () => {
  const budget = new SendBudget();
  let rounds = 0;
  const greedy: Waiter = {
    onRelief: () => {
      if (++rounds === 3) return;
      budget.begin(16 * MIB, greedy);
    },
  };
  budget.begin(16 * MIB, greedy);
  for (let end = 1; end <= 3; end++) {
    budget.end(16 * MIB);
    assert.equal(rounds, end);
  }
});
