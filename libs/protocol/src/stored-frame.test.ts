import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cim, encodeFrame, rpcFrame, storedFrame } from './index.ts';

const number = fc.oneof(fc.maxSafeNat(), fc.nat(300));

test('the receipt of a stored send is what the generated encoder makes of it', () => {
  const sends = fc.record({
    to: number,
    group: fc.string({ unit: 'grapheme', maxLength: 200 }),
    producer: fc.stringMatching(/^[A-Za-z0-9_-]{16,64}$/),
    counter: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  });
  fc.assert(
    fc.property(sends, number, (send, seq) => {
      const generated = encodeFrame(cim.Frame, { receipt: { ...send, outcome: cim.Outcome.STORED, seq } });
      assert.deepEqual(Buffer.from(storedFrame(send, seq)), Buffer.from(generated));
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
