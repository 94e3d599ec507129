/** Protobuf byte by byte, for clients that share no code with our codec. */
const VARINT = 0;
const BYTES = 2;

/** A base-128 varint of a number from 0 to 2^53 - 1. */
export function cimVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** A body with its length before it: what goes on the wire. */
export const cimDelimited = (body: Uint8Array): Buffer => Buffer.concat([cimVarint(body.length), body]);

/** A field of a number; nothing for 0, which protobuf does not write. */
export const numberField = (field: number, value: number): Buffer =>
  value === 0 ? Buffer.alloc(0) : Buffer.concat([cimVarint(field * 8 + VARINT), cimVarint(value)]);

/** A field of bytes: a text, a message. */
export const bytesField = (field: number, value: Uint8Array): Buffer =>
  Buffer.concat([cimVarint(field * 8 + BYTES), cimDelimited(value)]);

/** The varint at `at` and the position after it; undefined when it is not complete yet. */
export function varintAt(
  bytes: Buffer,
  at: number,
  longest: number,
): { value: number; next: number } | undefined {
  let value = 0n;
  for (let i = 0; i < longest; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 127) << BigInt(7 * i);
    if (byte < 128) return { value: Number(value), next: at + i + 1 };
  }
  throw new Error(`a varint of more than ${longest} bytes`);
}

/** Java refuses a proto3 string that is not UTF-8. */
export const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** One field of a message as it stands on the wire. */
export interface RawField {
  readonly field: number;
  readonly number: number;
  readonly bytes: Buffer;
}

/** The fields of a message, in their order. */
export function fieldsOf(body: Buffer): RawField[] {
  const fields: RawField[] = [];
  const nothing = Buffer.alloc(0);
  const whole = (at: number) => {
    const read = varintAt(body, at, 10);
    if (read === undefined) throw new Error('a frame ends inside a field');
    return read;
  };
  for (let at = 0; at < body.length; ) {
    const tag = whole(at);
    const field = Math.floor(tag.value / 8);
    const first = whole(tag.next);
    if (tag.value % 8 === VARINT) {
      fields.push({ field, number: first.value, bytes: nothing });
      at = first.next;
    } else if (tag.value % 8 === BYTES) {
      at = first.next + first.value;
      if (at > body.length) throw new Error('a frame ends inside a field');
      fields.push({ field, number: 0, bytes: body.subarray(first.next, at) });
    } else throw new Error(`wire type ${tag.value % 8} in a frame`);
  }
  return fields;
}
