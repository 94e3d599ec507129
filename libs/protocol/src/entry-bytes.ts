/** `Entry` of cim.proto, encoded by hand: each text is encoded at least once, and a generated encoder costs four times this. */

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

/** Tag and number of a number below 2^53; tag and length of bytes. */
const NUMBER_BYTES = 9;
const LENGTH_BYTES = 6;
const NUMBERS = 4;
const STRETCHES = 4;

/** @param headroom bytes before the entry that are the caller's to write */
export function encodeEntry(entry: EncodableEntry, headroom = 0): Buffer {
  const { prev, producer, content } = entry;
  const { userId, userName } = entry.sender;
  const nameBytes = Buffer.byteLength(userName);
  const most = headroom + NUMBERS * NUMBER_BYTES + STRETCHES * LENGTH_BYTES;
  const bytes = Buffer.allocUnsafe(most + prev.length + nameBytes + producer.length + content.length);
  let at = writeNumber(bytes, headroom, 0x08, entry.seq);
  at = writeId(bytes, at, 0x12, prev);
  at = writeNumber(bytes, at, 0x18, entry.storedAt);
  at = writeNumber(bytes, at, 0x20, userId);
  at = writeNumber(bytes, at, 0x2a, nameBytes);
  at += bytes.write(userName, at);
  at = writeId(bytes, at, 0x32, producer);
  at = writeNumber(bytes, at, 0x38, entry.counter);
  at = writeNumber(bytes, at, 0x42, content.length);
  bytes.set(content, at);
  return bytes.subarray(0, at + content.length);
}

/** Ids are ASCII. */
function writeId(into: Buffer, from: number, tag: number, id: string): number {
  const at = writeNumber(into, from, tag, id.length);
  return at + into.write(id, at, 'latin1');
}

function writeNumber(into: Buffer, from: number, tag: number, value: number): number {
  let at = from;
  into[at++] = tag;
  let rest = value;
  // Beyond 31 bits there are no shifts.
  for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 128)) into[at++] = (rest % 128) | 0x80;
  for (; rest > 0x7f; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  return at;
}
