/** Fields of protobuf messages, written by hand where the generated encoders are too dear (docs/architecture.md). */

/** Of the longest number: below 2^53. */
export const NUMBER_BYTES = 8;

/** How long a number below 2^53 is on the wire. */
export function varintBytes(value: number): number {
  let bytes = 1;
  let rest = value;
  for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 128)) bytes++;
  for (; rest > 0x7f; rest >>>= 7) bytes++;
  return bytes;
}

/** Each writes at `from` and answers where it ends. */
export function writeVarint(into: Uint8Array, from: number, value: number): number {
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
