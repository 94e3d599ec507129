import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slice, SLICE_MS } from './slice.ts';

test('a slice is over after its time; the next one begins when the event loop has done its other work', async () => {
  let ms = 1_000;
  const slice = new Slice(() => ms);
  ms += SLICE_MS - 1;
  assert.equal(slice.over, false);
  ms += 1;
  assert.equal(slice.over, true);
  let served = false;
  setImmediate(() => {
    served = true;
  });
  const next = slice.next();
  ms += 500;
  await next;
  assert.equal(served, true, 'what waited for the event loop was served first');
  assert.equal(slice.over, false);
});
