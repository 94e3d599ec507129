import { randomFillSync } from 'node:crypto';

const DRAWN_BYTES = 4_096;

const drawn = Buffer.alloc(DRAWN_BYTES);
let used = DRAWN_BYTES;

/**
 * Random bytes that nobody can guess, as base64url. Each draw is a call of the system, so many bytes are
 * drawn at once. No byte is given twice.
 * @param bytes up to 4,096
 */
export function randomText(bytes: number): string {
  if (used + bytes > DRAWN_BYTES) {
    randomFillSync(drawn);
    used = 0;
  }
  const from = used;
  used += bytes;
  const text = drawn.toString('base64url', from, used);
  drawn.fill(0, from, used);
  return text;
}
