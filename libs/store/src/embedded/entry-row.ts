import { crc32 } from 'node:zlib';
import { cim, encodeEntry, type MessageId, type ProducerId, type Seq, type UserId } from '@cim/protocol';
import type { Entry } from '../streams.ts';

/**
 * A row is a mark, the CRC-32 of the bytes after it, two numbers of 48 bits (`Totals`), and the encoded
 * entry. The mark also says whether the entry is in the index of events.
 */
const MARK = 0xe0;
const EVENT_MARK = 0xe1;
const CRC_AT = 1;
const BYTES_AT = 5;
const COPIES_AT = 11;
const HEAD_BYTES = 17;

/**
 * Rows of earlier versions begin with a big-endian float64, whose first byte is never a mark. If it is `-1 -
 * bytes`, a CRC-32 of the entry follows it. If it is `bytes`, no CRC-32 follows it.
 */
const OLD_TOTAL_BYTES = 8;
const OLD_HEAD_BYTES = OLD_TOTAL_BYTES + 4;

/**
 * Totals of a stream up to and with an entry. The difference of two totals is what lies between their
 * entries.
 */
export interface Totals {
  /** Content bytes of all entries that are not copies. */
  readonly bytes: number;
  /** Number of copies of the user's own messages. */
  readonly copies: number;
}

/** Encodes the row of an entry. */
export function encodeRow(entry: Entry, { bytes, copies }: Totals, isEvent: boolean): Uint8Array {
  const row = encodeEntry(entry, HEAD_BYTES);
  row.writeUInt8(isEvent ? EVENT_MARK : MARK, 0);
  row.writeUIntBE(bytes, BYTES_AT, 6);
  row.writeUIntBE(copies, COPIES_AT, 6);
  row.writeUInt32BE(crc32(row.subarray(BYTES_AT)), CRC_AT);
  return row;
}

/** The encoded entry in a row. */
export const wireOf = (row: Uint8Array): Uint8Array =>
  row.subarray(isMarked(row) ? HEAD_BYTES : hasOldCrc(row) ? OLD_HEAD_BYTES : OLD_TOTAL_BYTES);

export function totalsOf(row: Uint8Array): Totals {
  const view = new DataView(row.buffer, row.byteOffset, row.length);
  if (isMarked(row)) return { bytes: uint48(view, BYTES_AT), copies: uint48(view, COPIES_AT) };
  const head = view.getFloat64(0);
  return { bytes: head < 0 ? -1 - head : head, copies: 0 };
}

export const isEvent = (row: Uint8Array): boolean => row[0] === EVENT_MARK;

const isMarked = (row: Uint8Array): boolean => row[0] === MARK || row[0] === EVENT_MARK;
/** Tests the sign of the float64. */
const hasOldCrc = (row: Uint8Array): boolean => ((row[0] ?? 0) & 0x80) !== 0;
const uint48 = (view: DataView, at: number): number => view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2);

function isWhole(row: Uint8Array): boolean {
  const view = new DataView(row.buffer, row.byteOffset, row.length);
  if (isMarked(row)) return crc32(row.subarray(BYTES_AT)) === view.getUint32(CRC_AT);
  return !hasOldCrc(row) || crc32(row.subarray(OLD_HEAD_BYTES)) === view.getUint32(OLD_TOTAL_BYTES);
}

/** Decodes the entry of a row. @throws {Error} when the row is damaged */
export function decodeRow(row: Uint8Array): Entry {
  if (!isWhole(row)) throw new Error('an entry is damaged');
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
    n: entry.n,
  };
}
