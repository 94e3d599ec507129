import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cim, deliverFrame, encodeFrame, rpcFrame, storedFrame } from './index.ts';

const number = fc.oneof(fc.maxSafeNat(), fc.nat(300));

test('the receipt of a stored send is what the generated encoder makes of it', () => {
  const sends = fc.record({
    to: number,
    group: fc.string({ unit: 'grapheme', maxLength: 200 }),
    producer: fc.stringMatching(/^[A-Za-z0-9_-]{16,64}$/),
    counter: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  });
  fc.assert(
    fc.property(sends, number, number, number, (send, seq, copy, n) => {
      const receipt = { ...send, outcome: cim.Outcome.STORED, seq, copy, n };
      const generated = encodeFrame(cim.Frame, { receipt });
      assert.deepEqual(Buffer.from(storedFrame(send, seq, copy, n)), Buffer.from(generated));
    }),
  );
});

test('a call between servers is what the generated encoder makes of it', () => {
  const payloads = fc.option(fc.uint8Array({ maxLength: 20_000, size: 'max' }), { nil: undefined });
  fc.assert(
    fc.property(number, fc.nat(2), fc.nat(300), payloads, (call, status, method, payload) => {
      const generated = encodeFrame(cim.RpcFrame, { call, status, method, ...(payload && { payload }) });
      assert.deepEqual(Buffer.from(rpcFrame(call, status, method, payload)), Buffer.from(generated));
    }),
  );
});

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
