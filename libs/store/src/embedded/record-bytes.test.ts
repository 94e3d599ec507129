import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRecord, encodeRecord } from './record-bytes.ts';

test('a record of any text survives, also one of an older version; every flipped bit is noticed', () => {
  const record = { userName: 'Zoë } é', id: 7, nothing: null };
  const bytes = encodeRecord(record);
  assert.deepEqual(decodeRecord(bytes), record);
  assert.deepEqual(decodeRecord(Buffer.from(JSON.stringify(record))), record);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    let read: unknown;
    try {
      read = decodeRecord(flipped);
    } catch {
      continue;
    }
    // A flipped bit in the space, or in the case of a digit, changes nothing.
    assert.deepEqual(read, record);
  }
});
