/**
 * The frame that carries an entry to a client, made around the bytes that the entry has on the wire anyway: what comes
 * from another server goes on as it is.
 */
import { varintBytes, writeBytes, writeVarint } from './wire-bytes.ts';

/** Frame.deliver, Deliver.group and Deliver.entries in cim.proto: each the field's number and "length-delimited". */
const DELIVER_TAG = 0xaa;
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
  const bodyBytes = 2 + varintBytes(deliverBytes) + deliverBytes;
  const frame = Buffer.allocUnsafe(varintBytes(bodyBytes) + bodyBytes);
  let at = writeVarint(frame, 0, bodyBytes);
  frame[at++] = DELIVER_TAG;
  frame[at++] = 0x01;
  at = writeVarint(frame, at, deliverBytes);
  if (name !== undefined) at = writeBytes(frame, at, GROUP_TAG, name);
  writeBytes(frame, at, ENTRY_TAG, entry);
  return frame;
}
