/**
 * The frame that carries an entry to a client, made around the bytes that the entry has on the wire anyway: what comes
 * from another server goes on as it is.
 */

/** Frame.deliver, Deliver.group and Deliver.entries in cim.proto: each the field's number and "length-delimited". */
const DELIVER_TAG = [0xaa, 0x01] as const;
const GROUP_TAG = 0x0a;
const ENTRY_TAG = 0x12;

/**
 * A whole `Frame` with header.
 * @param group '' for the receiver's inbox
 * @param entry an encoded `Entry`
 */
export function deliverFrame(group: string, entry: Uint8Array): Uint8Array {
  const name = group === '' ? undefined : Buffer.from(group);
  const groupBytes = name === undefined ? 0 : 1 + varintBytes(name.length) + name.length;
  const deliverBytes = groupBytes + 1 + varintBytes(entry.length) + entry.length;
  const bodyBytes = DELIVER_TAG.length + varintBytes(deliverBytes) + deliverBytes;
  const frame = Buffer.allocUnsafe(varintBytes(bodyBytes) + bodyBytes);
  let at = writeVarint(frame, 0, bodyBytes);
  frame[at++] = DELIVER_TAG[0];
  frame[at++] = DELIVER_TAG[1];
  at = writeVarint(frame, at, deliverBytes);
  if (name !== undefined) {
    frame[at++] = GROUP_TAG;
    at = writeVarint(frame, at, name.length);
    frame.set(name, at);
    at += name.length;
  }
  frame[at++] = ENTRY_TAG;
  at = writeVarint(frame, at, entry.length);
  frame.set(entry, at);
  return frame;
}

/** Of a length below 2^31. */
function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes++;
  return bytes;
}

function writeVarint(into: Uint8Array, from: number, value: number): number {
  let at = from;
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  return at;
}
