import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cim, decodeEntry, encodeEntry } from './index.ts';

const number = fc.oneof(fc.maxSafeNat(), fc.nat(300));
const id = fc.stringMatching(/^[A-Za-z0-9_:-]{0,200}$/);

const entries = fc.record({
  seq: number,
  prev: id,
  storedAt: number,
  sender: fc.record({ userId: number, userName: fc.string({ unit: 'grapheme', maxLength: 80 }) }),
  producer: id,
  counter: number,
  content: fc.uint8Array({ maxLength: 400 }),
  n: number,
});

test('an entry is read as it was given, by the generated decoder too', () => {
  fc.assert(
    fc.property(entries, fc.nat(9), (entry, headroom) => {
      const wire = encodeEntry(entry, headroom).subarray(headroom);
      const { sender, ...rest } = entry;
      const wanted = { ...rest, sender: sender.userId, senderName: sender.userName };
      assert.deepEqual(cim.Entry.encode(cim.Entry.decode(wire)).finish(), cim.Entry.encode(wanted).finish());
      assert.deepEqual(encodeEntry(decodeEntry(wire)), wire);
    }),
  );
});

test('any bytes are read as the generated decoder reads them, or refused as there', () => {
  const generated = (wire: Uint8Array) => {
    const {
      seq,
      prev,
      storedAt,
      sender: userId,
      senderName,
      producer,
      counter,
      content,
      n,
    } = cim.Entry.decode(wire);
    return { seq, prev, storedAt, sender: { userId, userName: senderName }, producer, counter, content, n };
  };
  const said = (read: (wire: Uint8Array) => ReturnType<typeof generated>, wire: Uint8Array) => {
    try {
      const { seq, prev, storedAt, sender, producer, counter, content, n } = read(wire);
      return {
        seq,
        prev,
        storedAt,
        sender,
        producer,
        counter,
        content: Buffer.from(content).toString('hex'),
        n,
      };
    } catch {
      return 'no entry';
    }
  };
  fc.assert(
    fc.property(entries, fc.nat(), fc.nat(255), fc.nat(600), (entry, at, byte, length) => {
      const wire = encodeEntry(entry);
      wire[at % wire.length] = byte;
      for (const bytes of [wire, wire.subarray(0, length)])
        assert.deepEqual(said(decodeEntry, bytes), said(generated, bytes));
    }),
    { numRuns: 3_000 },
  );
});
