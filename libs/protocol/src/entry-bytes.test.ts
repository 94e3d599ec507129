import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeEntry } from './entry-bytes.ts';
import { cim } from './generated/cim.js';

const number = fc.oneof(fc.maxSafeNat(), fc.nat(300));
const id = fc.stringMatching(/^[A-Za-z0-9_:-]{0,200}$/);

test('an entry is read by the generated decoder as it was given', () => {
  fc.assert(
    fc.property(
      fc.record({
        seq: number,
        prev: id,
        storedAt: number,
        sender: fc.record({ userId: number, userName: fc.string({ unit: 'grapheme', maxLength: 80 }) }),
        producer: id,
        counter: number,
        content: fc.uint8Array({ maxLength: 400 }),
      }),
      fc.nat(9),
      (entry, headroom) => {
        const read = cim.Entry.decode(encodeEntry(entry, headroom).subarray(headroom));
        const { sender, content, ...rest } = entry;
        const wanted = { ...rest, sender: sender.userId, senderName: sender.userName, content };
        assert.deepEqual(cim.Entry.encode(read).finish(), cim.Entry.encode(wanted).finish());
      },
    ),
  );
});
