import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Recent } from './recent.ts';

test('what was used among the last half of the number stays, what was not used among the number goes', () => {
  const recent = new Recent<number>(6);
  for (const [n, key] of ['a', 'b', 'c', 'd'].entries()) recent.set(key, n);
  assert.equal(recent.get('a'), 0);
  for (const [n, key] of ['e', 'f'].entries()) recent.set(key, 10 + n);
  assert.deepEqual(
    ['a', 'd', 'e', 'f'].map((key) => recent.get(key)),
    [0, 3, 10, 11],
  );
  assert.equal(recent.get('b'), undefined);
  recent.clear();
  assert.equal(recent.get('f'), undefined);
});

test('whatever is read and written, no value but the last one is answered, and no more are held than the number', () => {
  const step = fc.record({ key: fc.constantFrom(...'abcdefgh'), write: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 2, max: 10 }), (steps, limit) => {
      const recent = new Recent<number>(limit);
      const last = new Map<string, number>();
      for (const [n, { key, write }] of steps.entries()) {
        if (write) {
          recent.set(key, n);
          last.set(key, n);
        }
        const got = recent.get(key);
        if (write || got !== undefined) assert.equal(got, last.get(key));
      }
      const held = [...last.keys()].filter((key) => recent.get(key) !== undefined);
      assert.ok(held.length <= limit);
    }),
  );
});
