import { crc32 } from 'node:zlib';

const CLOSING_BRACE = 0x7d;
/**
 * Bytes after the JSON: a space and the CRC-32 of the JSON in hexadecimal digits. An older version wrote the
 * JSON alone.
 */
const CRC_BYTES = 9;

/** Encodes a record for the database. */
export function encodeRecord(record: unknown): Uint8Array {
  const json = JSON.stringify(record);
  return Buffer.from(`${json} ${crc32(json).toString(16).padStart(8, '0')}`);
}

/** Decodes a record. @throws {Error} when the record is damaged */
export function decodeRecord(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
  if (bytes.at(-1) === CLOSING_BRACE) return JSON.parse(text);
  const json = text.slice(0, -CRC_BYTES);
  if (crc32(json) !== parseInt(text.slice(-CRC_BYTES), 16)) throw new Error('a record is damaged');
  return JSON.parse(json);
}
