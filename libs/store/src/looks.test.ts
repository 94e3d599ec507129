import assert from 'node:assert/strict';
import { test } from 'node:test';
import { looksOf } from './looks.ts';

const alike = (one: string, other: string): boolean =>
  looksOf(one).some((look) => looksOf(other).includes(look));

test('names that a reader confuses share a look, in either order', () => {
  for (const [one, other] of [
    ['alice', 'аlice'], // Cyrillic a
    ['alice', 'aIice'], // capital i
    ['alice', 'ALICE'],
    ['ALICE', 'aIice'],
    ['alice', 'a1ice'],
    ['bob', 'b0b'],
    ['bob', 'BOB'],
    ['paypal', 'раураl'],
    ['mike', 'rnike'],
    ['Mike', 'rnike'],
    ['scope', 'ѕсоре'],
    ['scope', 'ЅСОРЕ'],
    ['Zoë', 'zoe\u0308'],
    ['ヘンリー', 'へンリー'], // katakana and hiragana he
    ['user-l', 'user-1'],
  ] as const) {
    assert.ok(alike(one, other), `${one} ${other}`);
    assert.ok(alike(other, one), `${other} ${one}`);
  }
});

test('names that a reader distinguishes share no look', () => {
  const names = [
    'alice',
    'alicia',
    'bob',
    'rob',
    'zoe',
    'zoë',
    '李雷',
    '韩梅梅',
    'user-1',
    'user-2',
    'user-11',
    'lobby',
    'a.b',
    'a-b',
    'a_b',
  ];
  for (const [i, one] of names.entries())
    for (const other of names.slice(i + 1)) assert.ok(!alike(one, other), `${one} ${other}`);
});

test('a name always has a look, and the same one each time', () => {
  for (const name of ['a', '_', '0', 'ﬃ', '𝓪', '__proto__', 'constructor']) {
    assert.ok(looksOf(name).length >= 1 && looksOf(name).every((look) => look !== ''));
    assert.deepEqual(looksOf(name), looksOf(name));
  }
});
