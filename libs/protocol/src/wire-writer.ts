/**
 * Writes messages by hand where the generated encoders cost too much (docs/architecture.md, "Bytes by hand"):
 * fields, and whole frames.
 */

/** Bytes of the longest number: below 2^53, seven bits a byte. */
export const NUMBER_BYTES = 8;
/** Most bytes of a field without its content: a tag of one byte, and a number (the value or the length). */
export const FIELD_BYTES = 1 + NUMBER_BYTES;
/**
 * Free bytes before a message that becomes a frame: for the length of the frame, and the tag and length of
 * the body around the message.
 */
const HEAD_BYTES = 2 * FIELD_BYTES;

/** Bytes of a number below 2^53 on the wire. */
export function varintBytes(value: number): number {
  let bytes = 1;
  let rest = value;
  for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 128)) bytes++;
  for (; rest > 0x7f; rest >>>= 7) bytes++;
  return bytes;
}

/** Writes a varint at `from` and answers where it ends. */
function writeVarint(into: Uint8Array, from: number, value: number): number {
  let at = from;
  let rest = value;
  // Shifts end at 31 bits, so the code divides.
  for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 128)) into[at++] = (rest % 128) | 0x80;
  for (; rest > 0x7f; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  return at;
}

/** Writes a tag and a number: the value of a field, or the length of what follows. */
export function writeNumber(into: Uint8Array, from: number, tag: number, value: number): number {
  into[from] = tag;
  return writeVarint(into, from + 1, value);
}

/** Writes an id, which is ASCII. */
export function writeId(into: Buffer, from: number, tag: number, id: string): number {
  const at = writeNumber(into, from, tag, id.length);
  return at + into.write(id, at, 'latin1');
}

export function writeBytes(into: Uint8Array, from: number, tag: number, bytes: Uint8Array): number {
  const at = writeNumber(into, from, tag, bytes.length);
  into.set(bytes, at);
  return at + bytes.length;
}

/** Tag of Frame.deliver in cim.proto. */
const DELIVER_TAG = 0xaa;

/**
 * Makes the frame that carries an entry to a client: a whole `Frame` with header. An entry from another
 * server keeps its bytes, so nothing is encoded again.
 * @param group '' for the receiver's inbox
 * @param entry an encoded `Entry`
 */
export function deliverFrame(group: string, entry: Uint8Array): Uint8Array {
  const name = group === '' ? undefined : Buffer.from(group);
  const most = HEAD_BYTES + 2 * FIELD_BYTES + (name?.length ?? 0) + entry.length;
  const frame = Buffer.allocUnsafe(most);
  let at = HEAD_BYTES;
  if (name !== undefined) at = writeBytes(frame, at, 0x0a, name);
  at = writeBytes(frame, at, 0x12, entry);
  return framedBody(frame, at, DELIVER_TAG);
}

/** Tag of Frame.receipt in cim.proto. */
const RECEIPT_TAG = 0x9a;
const RECEIPT_FIELDS = 7;

/**
 * Makes the receipt that nearly every send gets, `STORED`, as a whole `Frame` with header. The generated
 * encoder makes the other receipts.
 * @param send the send that is answered; `to` 0 stands for the group
 * @param seq position in the recipient's stream
 * @param copy position of the copy in the sender's own stream, when the receipt delivers it
 * @param n the number `n` of the entry
 */
export function storedFrame(
  send: { readonly to: number; readonly group: string; readonly producer: string; readonly counter: number },
  seq: number,
  copy = 0,
  n = 0,
): Uint8Array {
  const { to, group, producer, counter } = send;
  const name = group === '' ? undefined : Buffer.from(group);
  const most = HEAD_BYTES + RECEIPT_FIELDS * FIELD_BYTES + producer.length + (name?.length ?? 0);
  const frame = Buffer.allocUnsafe(most);
  let at = HEAD_BYTES;
  if (to !== 0) at = writeNumber(frame, at, 0x08, to);
  if (name !== undefined) at = writeBytes(frame, at, 0x12, name);
  at = writeId(frame, at, 0x1a, producer);
  at = writeNumber(frame, at, 0x20, counter);
  if (seq !== 0) at = writeNumber(frame, at, 0x30, seq);
  if (copy !== 0) at = writeNumber(frame, at, 0x50, copy);
  if (n !== 0) at = writeNumber(frame, at, 0x58, n);
  return framedBody(frame, at, RECEIPT_TAG);
}

const RPC_FIELDS = 4;

/** Makes a whole `RpcFrame` with header. The generated encoder would cost as much as the payload itself. */
export function rpcFrame(
  call: number,
  status: number,
  method: number,
  payload: Uint8Array = new Uint8Array(),
): Uint8Array {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + RPC_FIELDS * FIELD_BYTES + payload.length);
  let at = HEAD_BYTES;
  if (call !== 0) at = writeNumber(frame, at, 0x08, call);
  if (status !== 0) at = writeNumber(frame, at, 0x10, status);
  if (method !== 0) at = writeNumber(frame, at, 0x18, method);
  if (payload.length > 0) at = writeBytes(frame, at, 0x22, payload);
  return framed(frame, at);
}

/** The message from `HEAD_BYTES` to `to` as a frame, with its length before it. */
function framed(bytes: Buffer, to: number): Uint8Array {
  return bytes.subarray(writeLengthBefore(bytes, HEAD_BYTES, to), to);
}

/**
 * The message from `HEAD_BYTES` to `to` as the body of a `Frame`. @param tag the first of the two bytes of
 * the body's tag
 */
function framedBody(bytes: Buffer, to: number, tag: number): Uint8Array {
  let begin = writeLengthBefore(bytes, HEAD_BYTES, to);
  bytes[--begin] = 0x01;
  bytes[--begin] = tag;
  return bytes.subarray(writeLengthBefore(bytes, begin, to), to);
}

/** Writes the length of `from`..`to` before `from`, and answers where it begins. */
function writeLengthBefore(into: Uint8Array, from: number, to: number): number {
  const begin = from - varintBytes(to - from);
  writeVarint(into, begin, to - from);
  return begin;
}
