/**
 * Two servers show each other that they know the cluster secret, without sending it. Each side tells a nonce in the
 * upgrade. Then the caller sends its proof as the first frame, and the server answers with its own proof, or with an
 * empty frame and the end. The caller goes first because anybody may connect to a server: a stranger gets nothing that
 * depends on the secret.
 *
 * A proof covers four things. The nonces of both sides make it useless for another connection. The side makes the
 * proof of a caller useless as that of a server. The address that the caller dialled makes it useless for a relay: a
 * stranger who takes calls at one address, and forwards the handshake to a server at another, gets no proof that fits.
 *
 * With TLS a proof covers the keys of the TLS connection too (RFC 9266). A stranger in between has two connections with
 * two sets of keys, so that no proof of one side fits the other: the certificates of the servers need not be checked
 * for that. Without TLS the frames that follow are neither encrypted nor signed, so the network between the servers must be one's own.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { clusterKey } from '@cim/runtime';
import type { RpcAddress } from './peer.ts';

export const RPC_PATH = '/rpc';
/** The number grows when servers of two builds cannot prove themselves to each other: they say so instead of "wrong secret". */
export const UPGRADE_PROTOCOL = 'cim-rpc-2';
/** The address that the caller dialled, to explain a refusal; only the proof is trusted. */
export const CALLED_HEADER = 'x-cim-called';
export const NONCE_HEADER = 'x-cim-nonce';
/** Longest frame before both proofs [bytes]. */
export const HANDSHAKE_FRAME_BYTES = 64;
/** The server's answer to a wrong proof: a frame without a body. */
export const REFUSAL = Buffer.from([0]);

/** 192 random bits, as 32 characters. */
export const newNonce = (): string => randomBytes(24).toString('base64url');
export const isNonce = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Za-z0-9_-]{32}$/.test(value);

/** Writes an address in one form, however it was spelled. */
export const calledName = ({ host, httpPort }: RpcAddress): string =>
  `${host.replace(/^\[(.*)\]$/, '$1').toLowerCase()}:${httpPort}`;

/**
 * Binds a proof to the connection that the handshake goes over: '' without TLS, otherwise a value that only
 * its two ends know.
 */
export const channelBinding = (socket: Duplex): string =>
  socket instanceof TLSSocket
    ? ` ${socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)).toString('hex')}`
    : '';

/**
 * @param binding as `channelBinding` answers
 * @param called as `calledName` answers: dialled by the caller, announced by the server
 */
export const prove = (
  secret: string,
  side: 'caller' | 'server',
  called: string,
  callerNonce: string,
  serverNonce: string,
  binding = '',
): Buffer =>
  createHmac('sha256', clusterKey(secret, 'rpc'))
    .update(`${UPGRADE_PROTOCOL} ${side} ${called} ${callerNonce} ${serverNonce}${binding}`)
    .digest();

/** Compares in constant time. */
export const sameProof = (given: Uint8Array, expected: Uint8Array): boolean =>
  given.length === expected.length && timingSafeEqual(given, expected);

export const proofFrame = (proof: Uint8Array): Buffer => Buffer.concat([Buffer.from([proof.length]), proof]);
