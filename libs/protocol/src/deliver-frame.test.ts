import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cim, deliverFrame, encodeFrame } from './index.ts';

test('a frame around an encoded entry is the frame that the entry would be encoded into', () => {
  const entries = fc.record({
    seq: fc.integer({ min: 1, max: 2 ** 40 }),
    prev: fc.string({ maxLength: 60 }),
    senderName: fc.string({ unit: 'grapheme', maxLength: 32 }),
    content: fc.uint8Array({ maxLength: 20_000, size: 'max' }),
  });
  fc.assert(
    fc.property(fc.option(fc.string({ minLength: 1 }), { nil: undefined }), entries, (group, entry) => {
      const whole = encodeFrame(cim.Frame, {
        deliver: { ...(group === undefined ? {} : { group }), entries: [entry] },
      });
      const around = deliverFrame(group ?? '', cim.Entry.encode(entry).finish());
      assert.deepEqual(Buffer.from(around), Buffer.from(whole));
    }),
  );
});
