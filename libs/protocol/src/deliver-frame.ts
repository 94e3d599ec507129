import { FIELD_BYTES, framedBody, HEAD_BYTES, writeBytes } from './wire-bytes.ts';

/** Frame.deliver in cim.proto. */
const DELIVER_TAG = 0xaa;

/**
 * The frame that carries an entry to a client, made around the bytes that the entry has on the wire anyway: what comes
 * from another server goes on as it is. A whole `Frame` with header.
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
