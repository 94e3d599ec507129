import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slotOf } from './slot.ts';

test('a slot is the one that CLUSTER KEYSLOT answers', () => {
  const known: [string, number][] = [
    ['123456789', 0x31c3],
    ['{123456789}:log:1', 0x31c3],
    ['foo', 12_182],
    ['{foo}', 12_182],
    ['{}foo', 9_500],
    ['', 0],
  ];
  for (const [key, slot] of known) assert.equal(slotOf(key), slot, key);
});
