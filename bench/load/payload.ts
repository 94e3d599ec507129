/**
 * The content of a text of the load, in hexadecimal digits of fixed width: step 4, lane 6, number 8, time 14.
 */
export interface Payload {
  readonly step: number;
  /** A lane has one sender and one recipient: a user or the group. */
  readonly lane: number;
  /** Number of the text in its lane, from 0 without gaps. */
  readonly number: number;
  /** When the text was due [µs of `Clock`]. */
  readonly atUs: number;
}

/** Length of the shortest text [bytes]. */
export const PAYLOAD_BYTES = 32;

const ZERO = 0x30;
const NINE = 0x39;
/** This number plus 10 is the code of `a`. */
const LETTERS = 0x57;
const DOT = 0x2e;

/** The length of a text for which so many bytes were asked. */
export const payloadBytes = (bytes: number): number => Math.max(PAYLOAD_BYTES, bytes);

/** Writes `bytes` bytes of ASCII, beginning at `at`. */
export function writePayload(into: Uint8Array, at: number, payload: Payload, bytes: number): void {
  writeHex(into, at, 4, payload.step);
  writeHex(into, at + 4, 6, payload.lane);
  writeHex(into, at + 10, 8, payload.number);
  writeHex(into, at + 18, 14, Math.round(payload.atUs));
  into.fill(DOT, at + PAYLOAD_BYTES, at + bytes);
}

export function payloadText(payload: Payload, bytes: number): string {
  const text = Buffer.allocUnsafe(payloadBytes(bytes));
  writePayload(text, 0, payload, text.length);
  return text.toString('latin1');
}

/** Reads the text that begins at `at`. */
export function readPayload(text: Uint8Array, at: number): Payload {
  return {
    step: hexAt(text, at, 4),
    lane: hexAt(text, at + 4, 6),
    number: hexAt(text, at + 10, 8),
    atUs: hexAt(text, at + 18, 14),
  };
}

// Times have more than 32 bits, so shifts cannot be used.
function writeHex(into: Uint8Array, from: number, digits: number, value: number): void {
  let rest = value;
  for (let at = from + digits - 1; at >= from; at--) {
    const higher = Math.floor(rest / 16);
    const digit = rest - higher * 16;
    into[at] = digit + (digit < 10 ? ZERO : LETTERS);
    rest = higher;
  }
}

function hexAt(text: Uint8Array, from: number, digits: number): number {
  let value = 0;
  for (let at = from; at < from + digits; at++) {
    const code = text[at] ?? 0;
    value = value * 16 + code - (code <= NINE ? ZERO : LETTERS);
  }
  return value;
}
