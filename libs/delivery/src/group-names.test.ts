import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CODES } from '@cim/protocol';
import { groupCategory, groupName } from './group-names.ts';

test('a name is trimmed and NFC, and has 1 to 64 characters', () => {
  assert.equal(groupName('  Cafe\u0301 \u{1f469}\u200d\u{1f4bb}  '), 'Caf\u00e9 \u{1f469}\u200d\u{1f4bb}');
  assert.equal(groupName('\u{1f600}'.repeat(64)), '\u{1f600}'.repeat(64));
  for (const bad of ['', '   ', '\u{1f600}'.repeat(65), 'x'.repeat(100_000)])
    assert.throws(() => groupName(bad), {
      code: CODES.invalid.code,
      message: /^name has \d+ characters; give 1 to 64$/,
    });
});

test('a category may be empty, and has at most 32 characters', () => {
  assert.equal(groupCategory(' '), '');
  assert.equal(groupCategory('work'), 'work');
  assert.throws(() => groupCategory('x'.repeat(33)), { message: 'category has 33 characters; give 0 to 32' });
});

test('neither holds control characters, line ends, turned directions or halves of characters', () => {
  for (const bad of ['a\u0007b', 'a\nb', 'a\u2028b', 'a\u202eb', 'a\u2067b', 'a\ud800b']) {
    assert.throws(() => groupName(bad), { message: 'name must not hold control characters' });
    assert.throws(() => groupCategory(bad), { message: 'category must not hold control characters' });
  }
});
