/**
 * Makes the frames of one lane's sends. The parts that never change are made once, and a frame is one buffer.
 */
import { cim, LOBBY } from '@cim/protocol';
import { payloadBytes, writePayload } from './payload.ts';

/** Frame.send, length-delimited: field 18. */
const SEND_TAG = [0x92, 0x01] as const;
const COUNTER_TAG = 0x20;
const CONTENT_TAG = 0x2a;
const TEXT_TAG = 0x0a;

export class SendFrames {
  readonly #lane: number;
  /** The encoded recipient and producer. */
  readonly #head: Uint8Array;
  readonly #textBytes: number;
  readonly #contentBytes: number;

  /** @param toUserId 0 stands for the group */
  constructor(lane: number, toUserId: number, producer: string, bytes: number) {
    this.#lane = lane;
    this.#head = cim.Send.encode({
      ...(toUserId === 0 ? { group: LOBBY } : { to: toUserId }),
      producer,
    }).finish();
    this.#textBytes = payloadBytes(bytes);
    this.#contentBytes = 1 + varintBytes(this.#textBytes) + this.#textBytes;
  }

  /** The frame of the send with this counter. The number in its text is one lower. */
  make(counter: number, step: number, atUs: number): Uint8Array {
    const content = 1 + varintBytes(this.#contentBytes) + this.#contentBytes;
    const send = this.#head.length + 1 + varintBytes(counter) + content;
    const body = SEND_TAG.length + varintBytes(send) + send;
    const frame = Buffer.allocUnsafe(varintBytes(body) + body);
    let at = writeVarint(frame, 0, body);
    frame[at++] = SEND_TAG[0];
    frame[at++] = SEND_TAG[1];
    at = writeVarint(frame, at, send);
    frame.set(this.#head, at);
    at += this.#head.length;
    frame[at++] = COUNTER_TAG;
    at = writeVarint(frame, at, counter);
    frame[at++] = CONTENT_TAG;
    at = writeVarint(frame, at, this.#contentBytes);
    frame[at++] = TEXT_TAG;
    at = writeVarint(frame, at, this.#textBytes);
    writePayload(frame, at, { step, lane: this.#lane, number: counter - 1, atUs }, this.#textBytes);
    return frame;
  }
}

/** Length of the varint of a value below 2^31. */
function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes++;
  return bytes;
}

function writeVarint(into: Buffer, from: number, value: number): number {
  let at = from;
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  return at;
}
