import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TurnFlusher } from './turn-flusher.ts';

const nextPass = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('flushes that take long are spread over several passes of the event loop, each channel once and in order', async () => {
  const flusher = new TurnFlusher();
  const flushed: number[] = [];
  const channel = (i: number) => ({
    flush: (): void => {
      flushed.push(i);
      for (const begun = performance.now(); performance.now() - begun < 0.5; );
      // Schedules a channel while others wait: it is flushed after them.
      if (i === 0) flusher.schedule(channel(1_000));
    },
  });
  for (let i = 0; i < 200; i++) flusher.schedule(channel(i));
  let passes = 0;
  for (; flushed.length < 201; passes++) {
    const before = flushed.length;
    await nextPass();
    assert.ok(flushed.length - before <= 64, 'a pass ends soon after its 10 ms');
  }
  assert.ok(passes > 3);
  assert.deepEqual(flushed, [...Array.from({ length: 200 }, (_, i) => i), 1_000]);
});
