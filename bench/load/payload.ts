/** What a text of the load says, in hexadecimal digits of fixed width: step 4, lane 6, number 8, time 14. */
export interface Payload {
  readonly step: number;
  /** Who sends to whom: one sender, one recipient (a user or the group). */
  readonly lane: number;
  /** Counts the texts of a lane, from 0 without gaps. */
  readonly number: number;
  /** When it was to be sent, µs of `Clock`. */
  readonly atUs: number;
}

/** The shortest text, in bytes. */
export const PAYLOAD_BYTES = 32;

const NINE = 0x39;

export function writePayload({ step, lane, number, atUs }: Payload, bytes: number): string {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
  return (hex(step, 4) + hex(lane, 6) + hex(number, 8) + hex(Math.round(atUs), 14)).padEnd(bytes, '.');
}

/** `text` begins at `at`. */
export function readPayload(text: Uint8Array, at: number): Payload {
  return {
    step: hexAt(text, at, 4),
    lane: hexAt(text, at + 4, 6),
    number: hexAt(text, at + 10, 8),
    atUs: hexAt(text, at + 18, 14),
  };
}

function hexAt(text: Uint8Array, from: number, digits: number): number {
  let value = 0;
  for (let at = from; at < from + digits; at++) {
    const code = text[at] ?? 0;
    value = value * 16 + (code <= NINE ? code - 0x30 : code - 0x57);
  }
  return value;
}
