import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomText } from './random-text.ts';

test('no text is given twice, and each is of as many random bytes as asked for', () => {
  const given = Array.from({ length: 2_000 }, () => randomText(24));
  assert.equal(new Set(given).size, given.length);
  for (const text of given) assert.match(text, /^[A-Za-z0-9_-]{32}$/);
  assert.match(randomText(4_096), /^(?!A+$)[A-Za-z0-9_-]{5462}$/);
});
