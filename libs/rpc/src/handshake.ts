/**
 * Both sides show that they know the cluster secret without sending it: each signs the other's nonce.
 * The labels differ, so that neither side's proof can be played back as the other's.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export const UPGRADE_PROTOCOL = 'cim-rpc';

export const newNonce = (): string => randomBytes(24).toString('base64url');

export const prove = (secret: string, side: 'caller' | 'server', callerNonce: string, serverNonce: string): string =>
  createHmac('sha256', secret).update(`cim-rpc-1 ${side} ${callerNonce} ${serverNonce}`).digest('base64url');

export function sameProof(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
