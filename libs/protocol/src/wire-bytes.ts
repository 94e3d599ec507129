/** Fields of protobuf messages, written by hand where the generated encoders are too dear (docs/architecture.md). */

/** Of the longest number, seven bits each: below 2^53. */
export const NUMBER_BYTES = 8;
/** Of a field at most: its tag and a number, the value or the length. */
export const FIELD_BYTES = 1 + NUMBER_BYTES;
/** What is left free before a message that becomes a frame, for its length and that of a body around it. */
export const HEAD_BYTES = 2 * FIELD_BYTES;

/** How long a number below 2^53 is on the wire. */
export function varintBytes(value: number): number {
  let bytes = 1;
  let rest = value;
  for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 128)) bytes++;
  for (; rest > 0x7f; rest >>>= 7) bytes++;
  return bytes;
}

/** Each writes at `from` and answers where it ends. */
function writeVarint(into: Uint8Array, from: number, value: number): number {
  let at = from;
  let rest = value;
  // Beyond 31 bits there are no shifts.
  for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 128)) into[at++] = (rest % 128) | 0x80;
  for (; rest > 0x7f; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  return at;
}

/** A number as its field, or the length of what follows. */
export function writeNumber(into: Uint8Array, from: number, tag: number, value: number): number {
  into[from] = tag;
  return writeVarint(into, from + 1, value);
}

/** An id, which is ASCII. */
export function writeId(into: Buffer, from: number, tag: number, id: string): number {
  const at = writeNumber(into, from, tag, id.length);
  return at + into.write(id, at, 'latin1');
}

export function writeBytes(into: Uint8Array, from: number, tag: number, bytes: Uint8Array): number {
  const at = writeNumber(into, from, tag, bytes.length);
  into.set(bytes, at);
  return at + bytes.length;
}

/** The message from `HEAD_BYTES` to `to` as a frame: its length before it. */
export function framed(bytes: Buffer, to: number): Uint8Array {
  return bytes.subarray(writeLengthBefore(bytes, HEAD_BYTES, to), to);
}

/** The same as the body of a `Frame`, whose number is below 32. @param tag the first of the two bytes of its tag */
export function framedBody(bytes: Buffer, to: number, tag: number): Uint8Array {
  let begin = writeLengthBefore(bytes, HEAD_BYTES, to);
  bytes[--begin] = 0x01;
  bytes[--begin] = tag;
  return bytes.subarray(writeLengthBefore(bytes, begin, to), to);
}

/** Answers where it begins. */
function writeLengthBefore(into: Uint8Array, from: number, to: number): number {
  const begin = from - varintBytes(to - from);
  writeVarint(into, begin, to - from);
  return begin;
}
