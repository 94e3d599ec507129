import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Again } from './again.ts';

test('a message may come again once to each later program; one of another conversation with the same id is new', () => {
  const again = new Again();
  assert.equal(again.isAgain('u1', 'a:1'), false);
  again.restarted();
  assert.equal(again.isAgain('u2', 'a:1'), false);
  assert.equal(again.isAgain('u1', 'a:1'), true);
  assert.equal(again.isAgain('u1', 'a:1'), false);
  assert.equal(again.count, 1);
});
