/** The receipt that nearly every send gets, `STORED`, encoded by hand; the others are left to the generated encoder. */
import { NUMBER_BYTES, varintBytes, writeBytes, writeId, writeNumber, writeVarint } from './wire-bytes.ts';

/** Frame.receipt in cim.proto. */
const RECEIPT_TAG = 0x9a;
const FIELD_BYTES = 1 + NUMBER_BYTES;
const FIELDS = 5;
/** The length of a receipt takes as many bytes as the longest has. */
const HEAD_BYTES = 2 * NUMBER_BYTES;

/**
 * A whole `Frame` with header.
 * @param send what is answered; `to` 0 stands for the group
 * @param seq position in the recipient's stream
 */
export function storedFrame(
  send: { readonly to: number; readonly group: string; readonly producer: string; readonly counter: number },
  seq: number,
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
  const receiptBytes = at - HEAD_BYTES;
  const bodyBytes = 2 + varintBytes(receiptBytes) + receiptBytes;
  const begin = HEAD_BYTES - varintBytes(receiptBytes) - 2 - varintBytes(bodyBytes);
  let head = writeVarint(frame, begin, bodyBytes);
  frame[head++] = RECEIPT_TAG;
  frame[head++] = 0x01;
  writeVarint(frame, head, receiptBytes);
  return frame.subarray(begin, at);
}
