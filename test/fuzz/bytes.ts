/** Writes protobuf field by field, also bytes that no library would write. */

/** Longest varint [bytes]. */
const VARINT_BYTES = 10;
const SMALL = Array.from({ length: 128 }, (_, value) => Buffer.of(value));

/** @param padded number of extra bytes, which do not change the value */
export function varint(value: bigint | number, padded = 0): Buffer {
  if (typeof value === 'number') {
    if (padded === 0 && value >= 0 && value < 128) return SMALL[value] ?? Buffer.of(value);
    if (padded === 0 && value >= 128 && value < 16_384) return Buffer.of((value & 0x7f) | 0x80, value >> 7);
    return varint(BigInt(value), padded);
  }
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  } while (left > 0n);
  for (let more = 0; more < padded && bytes.length < VARINT_BYTES; more++) bytes.push(0x80);
  bytes.push((bytes.pop() ?? 0) & 0x7f);
  return Buffer.from(bytes);
}

export const tag = (field: number, wire: number): Buffer => varint(field * 8 + wire);

export const number = (field: number, value: bigint | number, padded = 0): Buffer =>
  Buffer.concat([tag(field, 0), varint(value, padded)]);

export function delimited(field: number, body: Uint8Array | string): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return Buffer.concat([tag(field, 2), varint(bytes.length), bytes]);
}

/** A frame as it travels: the length of its body, then the body. */
export const framed = (body: Uint8Array): Buffer => Buffer.concat([varint(body.length), body]);
