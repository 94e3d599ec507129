/**
 * How two servers show each other that they know the cluster secret without sending it. After the upgrade, in which
 * each told a nonce, the caller's first frame is its proof; the server answers with its own proof, or with an empty
 * frame and the end. The caller goes first, since anybody may connect to a server: who does not know the secret gets
 * nothing that depends on it. Fresh nonces of both sides make a proof useless for another connection, and the names
 * of the sides one side's useless as the other's. What follows is neither encrypted nor signed: the network between
 * the servers is to be one's own.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export const RPC_PATH = '/rpc';
export const UPGRADE_PROTOCOL = 'cim-rpc';
export const NONCE_HEADER = 'x-cim-nonce';
/** No frame is longer before both proofs, in bytes. */
export const HANDSHAKE_FRAME_BYTES = 64;
/** The server's answer to a wrong proof: a frame without a body. */
export const REFUSAL = Buffer.from([0]);

/** 192 random bits, as 32 characters. */
export const newNonce = (): string => randomBytes(24).toString('base64url');
export const isNonce = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Za-z0-9_-]{32}$/.test(value);

export const prove = (
  secret: string,
  side: 'caller' | 'server',
  callerNonce: string,
  serverNonce: string,
): Buffer => createHmac('sha256', secret).update(`cim-rpc-1 ${side} ${callerNonce} ${serverNonce}`).digest();

/** In constant time. */
export const sameProof = (given: Uint8Array, expected: Uint8Array): boolean =>
  given.length === expected.length && timingSafeEqual(given, expected);

export const proofFrame = (proof: Uint8Array): Buffer => Buffer.concat([Buffer.from([proof.length]), proof]);
