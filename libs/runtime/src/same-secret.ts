import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * Whether two texts are the same. The time of the comparison reveals nothing of the secret, not even its
 * length.
 */
export function sameSecret(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}
