import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharesOf } from './shares.ts';

const partitions = Array.from({ length: 256 }, (_, i) => `{s${i}}`);

test('each partition belongs to one relay, whichever relay computes it; all have about as many', () => {
  const relays = ['a', 'b', 'c'];
  const shares = relays.map((relay) => sharesOf(partitions, relays, relay));
  assert.deepEqual(shares.flat().sort(), [...partitions].sort());
  for (const share of shares) assert.ok(share.length > 60 && share.length < 115, `${share.length}`);
});

test('when a relay goes, the others keep their partitions and take over the rest', () => {
  const before = sharesOf(partitions, ['a', 'b', 'c'], 'a');
  const after = sharesOf(partitions, ['a', 'b'], 'a');
  assert.ok(before.every((partition) => after.includes(partition)));
  assert.equal(after.length + sharesOf(partitions, ['a', 'b'], 'b').length, 256);
});
