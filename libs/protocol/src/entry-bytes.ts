/** `Entry` of cim.proto, encoded by hand: each text is encoded at least once, and a generated encoder costs four times this. */
import { FIELD_BYTES, writeBytes, writeId, writeNumber } from './wire-bytes.ts';

/** An entry as its users know it. */
export interface EncodableEntry {
  readonly seq: number;
  readonly prev: string;
  readonly storedAt: number;
  readonly sender: { readonly userId: number; readonly userName: string };
  readonly producer: string;
  readonly counter: number;
  readonly content: Uint8Array;
}

const FIELDS = 8;

/** @param headroom bytes before the entry that are the caller's to write */
export function encodeEntry(entry: EncodableEntry, headroom = 0): Buffer {
  const { prev, producer, content } = entry;
  const { userId, userName } = entry.sender;
  const nameBytes = Buffer.byteLength(userName);
  const most = headroom + FIELDS * FIELD_BYTES;
  const bytes = Buffer.allocUnsafe(most + prev.length + nameBytes + producer.length + content.length);
  let at = writeNumber(bytes, headroom, 0x08, entry.seq);
  at = writeId(bytes, at, 0x12, prev);
  at = writeNumber(bytes, at, 0x18, entry.storedAt);
  at = writeNumber(bytes, at, 0x20, userId);
  at = writeNumber(bytes, at, 0x2a, nameBytes);
  at += bytes.write(userName, at);
  at = writeId(bytes, at, 0x32, producer);
  at = writeNumber(bytes, at, 0x38, entry.counter);
  at = writeBytes(bytes, at, 0x42, content);
  return bytes.subarray(0, at);
}
