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

export const totalOf = (row: Uint8Array): number => new DataView(row.buffer, row.byteOffset).getFloat64(0);

/** @throws {Error} when the row is damaged */
export function decodeRow(row: Uint8Array): Entry {
  const wire = cim.Entry.decode(row.subarray(TOTAL_BYTES));
  return {
    seq: wire.seq as Seq,
    prev: wire.prev as MessageId,
    storedAt: wire.storedAt,
    sender: { userId: wire.sender as UserId, userName: wire.senderName },
    producer: wire.producer as ProducerId,
    counter: wire.counter,
    content: wire.content,
  };
}
