import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

const HANDSHAKE = 0x16;
const MAJOR_VERSION = 0x03;

/**
 * Whether a connection begins with a TLS handshake; undefined when more bytes are needed to say so. No HTTP request
 * begins so. A frame of 22 bytes has the first byte too, but its second one is the tag of a field, and 3 is none.
 */
export function beginsTls(bytes: Uint8Array): boolean | undefined {
  if (bytes[0] !== HANDSHAKE) return bytes.length === 0 ? undefined : false;
  return bytes.length < 2 ? undefined : bytes[1] === MAJOR_VERSION;
}

/** The socket that was given to a TLS server as a connection. Node keeps it there, and says so nowhere. */
export const socketUnder = (secure: TLSSocket): Socket =>
  (secure as unknown as { readonly _parent: Socket })._parent;
