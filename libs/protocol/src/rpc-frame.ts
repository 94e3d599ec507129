import { FIELD_BYTES, framed, HEAD_BYTES, writeBytes, writeNumber } from './wire-bytes.ts';

const FIELDS = 4;

/** A whole `RpcFrame` with header, encoded by hand: the generated encoder costs as much as what it carries. */
export function rpcFrame(
  call: number,
  status: number,
  method: number,
  payload: Uint8Array = new Uint8Array(),
): Uint8Array {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + FIELDS * FIELD_BYTES + payload.length);
  let at = HEAD_BYTES;
  if (call !== 0) at = writeNumber(frame, at, 0x08, call);
  if (status !== 0) at = writeNumber(frame, at, 0x10, status);
  if (method !== 0) at = writeNumber(frame, at, 0x18, method);
  if (payload.length > 0) at = writeBytes(frame, at, 0x22, payload);
  return framed(frame, at);
}
