import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Recent } from './recent.ts';

test('what was used last stays, what was used first goes, and the number is kept', () => {
  const recent = new Recent<number>(3);
  for (const [n, key] of ['a', 'b', 'c'].entries()) recent.set(key, n);
  assert.equal(recent.get('a'), 0);
  recent.set('d', 3);
  assert.equal(recent.get('b'), undefined);
  assert.deepEqual(
    ['a', 'c', 'd'].map((key) => recent.get(key)),
    [0, 2, 3],
  );
  recent.set('c', 9);
  recent.set('e', 4);
  assert.equal(recent.get('c'), 9);
  assert.equal(recent.get('a'), undefined);
  assert.equal(recent.size, 3);
  recent.clear();
  assert.equal(recent.size, 0);
});
