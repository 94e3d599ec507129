import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cim, encodeFrame, LOBBY } from '@cim/protocol';
import fc from 'fast-check';
import { LaneArrivals } from './arrivals.ts';
import { payloadText, readPayload } from './payload.ts';
import { SendFrames } from './send-frames.ts';

const PRODUCER = 'ABCDEFGHIJKLMNOPQRSTUVWX';

test('SendFrames makes the same bytes as the generated code', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 7, 1_784_620_800_000),
      fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      fc.constantFrom(1, 32, 64, 124, 126, 127, 128, 5_000),
      fc.integer({ min: 0, max: 0xffff }),
      fc.integer({ min: 0, max: 2 ** 50 }),
      (to, counter, bytes, step, atUs) => {
        const text = payloadText({ step, lane: 0xabcde, number: counter - 1, atUs }, bytes);
        const content = cim.Content.encode({ texts: [text] }).finish();
        const recipient = to === 0 ? { group: LOBBY } : { to };
        const right = encodeFrame(cim.Frame, {
          send: { ...recipient, producer: PRODUCER, counter, content },
        });
        const made = new SendFrames(0xabcde, to, PRODUCER, bytes).make(counter, step, atUs);
        assert.equal(Buffer.from(made).toString('hex'), Buffer.from(right).toString('hex'));
        assert.deepEqual(readPayload(Buffer.from(text), 0), {
          step,
          lane: 0xabcde,
          number: counter - 1,
          atUs,
        });
      },
    ),
  );
});

test('each arrival counts once in any order, and a repeated one is noticed', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 })), (numbers) => {
      const arrivals = new LaneArrivals();
      for (const number of numbers) arrivals.take(number);
      assert.equal(arrivals.count, new Set(numbers).size);
      assert.equal(arrivals.twice, numbers.length - new Set(numbers).size);
    }),
  );
});

test('arrivals in order count none as out of order', () => {
  const arrivals = new LaneArrivals();
  for (const number of [0, 1, 2]) assert.ok(arrivals.take(number));
  assert.equal(arrivals.outOfOrder, 0);
  arrivals.take(5);
  assert.equal(arrivals.outOfOrder, 1);
});
