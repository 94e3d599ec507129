import { randomFillSync } from 'node:crypto';

const DRAWN_BYTES = 4_096;

const drawn = Buffer.alloc(DRAWN_BYTES);
let used = DRAWN_BYTES;

/**
 * So many random bytes that nobody can guess, as base64url. Many are drawn at once, since each draw is a call to the
 * system, and none is kept once it was given.
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
