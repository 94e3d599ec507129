import { crc32 } from 'node:zlib';
import { cim, encodeEntry, type MessageId, type ProducerId, type Seq, type UserId } from '@cim/protocol';
import type { Entry } from '../streams.ts';

/**
 * Before the encoded entry: a float64, big-endian, and a CRC-32 of all that follows it. The float64 is `-1 - total`; one
 * that is not negative is the total itself, and no CRC-32 follows it: an older version wrote that row.
 */
const TOTAL_BYTES = 8;
const HEAD_BYTES = TOTAL_BYTES + 4;

/**
 * An entry as the database has it. `total`: content bytes of the stream up to this entry and with it, so that how much
 * lies between two entries is known without reading what is between them.
 */
export function encodeRow(entry: Entry, total: number): Uint8Array {
  const row = encodeEntry(entry, HEAD_BYTES);
  row.writeDoubleBE(-1 - total, 0);
  row.writeUInt32BE(crc32(row.subarray(HEAD_BYTES)), TOTAL_BYTES);
  return row;
}

/** The entry in it, encoded. */
export const wireOf = (row: Uint8Array): Uint8Array => row.subarray(hasCrc(row) ? HEAD_BYTES : TOTAL_BYTES);

export function totalOf(row: Uint8Array): number {
  const head = new DataView(row.buffer, row.byteOffset).getFloat64(0);
  return head < 0 ? -1 - head : head;
}

/** The sign of the float64. */
const hasCrc = (row: Uint8Array): boolean => ((row[0] ?? 0) & 0x80) !== 0;

/** @throws {Error} when the row is damaged */
export function decodeRow(row: Uint8Array): Entry {
  const wire = wireOf(row);
  if (hasCrc(row) && crc32(wire) !== new DataView(row.buffer, row.byteOffset).getUint32(TOTAL_BYTES))
    throw new Error('an entry is damaged');
  const entry = cim.Entry.decode(wire);
  return {
    seq: entry.seq as Seq,
    prev: entry.prev as MessageId,
    storedAt: entry.storedAt,
    wire,
    sender: { userId: entry.sender as UserId, userName: entry.senderName },
    producer: entry.producer as ProducerId,
    counter: entry.counter,
    content: entry.content,
    n: entry.n,
  };
}
