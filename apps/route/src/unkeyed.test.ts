import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnkeyedNames } from './unkeyed.ts';

test('no name is given twice, and each has 24 random bytes', () => {
  const names = new UnkeyedNames();
  const given = Array.from({ length: 2_000 }, () => names.next());
  assert.equal(new Set(given).size, given.length);
  for (const name of given) assert.match(name, /^[A-Za-z0-9_-]{32}$/);
});
