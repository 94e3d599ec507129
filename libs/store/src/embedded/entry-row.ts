import { cim, encodeEntry, type MessageId, type ProducerId, type Seq, type UserId } from '@cim/protocol';
import type { Entry } from '../streams.ts';

/** A float64, big-endian, before the encoded entry. */
const TOTAL_BYTES = 8;

/**
 * An entry as the database has it. `total`: content bytes of the stream up to this entry and with it, so that how much
 * lies between two entries is known without reading what is between them.
 */
export function encodeRow(entry: Entry, total: number): Uint8Array {
  const row = encodeEntry(entry, TOTAL_BYTES);
  row.writeDoubleBE(total, 0);
  return row;
}

/** The entry in it, encoded. */
export const wireOf = (row: Uint8Array): Uint8Array => row.subarray(TOTAL_BYTES);

export const totalOf = (row: Uint8Array): number => new DataView(row.buffer, row.byteOffset).getFloat64(0);

/** @throws {Error} when the row is damaged */
export function decodeRow(row: Uint8Array): Entry {
  const wire = wireOf(row);
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
  };
}
