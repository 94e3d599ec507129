import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SendBudget, type Waiter } from './send-budget.ts';

const MIB = 1024 * 1024;

test('a budget that is spent relieves all who wait when half of it is free, each once', () => {
  const budget = new SendBudget();
  let relieved = 0;
  const waiters: Waiter[] = Array.from({ length: 3 }, () => ({
    onRelief: () => {
      relieved++;
    },
  }));
  for (let mib = 0; mib < 16; mib++) {
    assert.ok(!budget.spent);
    budget.begin(MIB);
  }
  assert.ok(budget.spent);
  for (const waiter of waiters) budget.wait(waiter);
  const [left] = waiters;
  assert.ok(left !== undefined && budget.awaitedBy(left));
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
  let sends = 0;
  while (!budget.spent) {
    budget.begin(10);
    sends++;
  }
  assert.equal(sends, 8_192);
});

test('one that is relieved and spends it again waits again', () => {
  const budget = new SendBudget();
  let rounds = 0;
  const greedy: Waiter = {
    onRelief: () => {
      if (++rounds === 3) return;
      budget.begin(16 * MIB);
      budget.wait(greedy);
    },
  };
  budget.begin(16 * MIB);
  budget.wait(greedy);
  for (let end = 1; end <= 3; end++) {
    budget.end(16 * MIB);
    assert.equal(rounds, end);
  }
});
