/** The receipt that nearly every send gets, `STORED`, encoded by hand; the others are left to the generated encoder. */
import { FIELD_BYTES, framedBody, HEAD_BYTES, writeBytes, writeId, writeNumber } from './wire-bytes.ts';

/** Frame.receipt in cim.proto. */
const RECEIPT_TAG = 0x9a;
const FIELDS = 7;

/**
 * A whole `Frame` with header.
 * @param send what is answered; `to` 0 stands for the group
 * @param seq position in the recipient's stream
 * @param copy position of the copy in the sender's own stream, when the receipt delivers it
 * @param n of the entry
 */
export function storedFrame(
  send: { readonly to: number; readonly group: string; readonly producer: string; readonly counter: number },
  seq: number,
  copy = 0,
  n = 0,
): Uint8Array {
  const { to, group, producer, counter } = send;
  const name = group === '' ? undefined : Buffer.from(group);
  const most = HEAD_BYTES + FIELDS * FIELD_BYTES + producer.length + (name?.length ?? 0);
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
