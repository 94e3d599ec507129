import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

const HANDSHAKE = 0x16;
const MAJOR_VERSION = 0x03;

/**
 * Whether a connection begins with a TLS handshake; undefined when more bytes are needed to tell. No HTTP
 * request begins so. A frame of 22 bytes has the same first byte, but its second byte is the tag of a field,
 * and no field has tag 3.
 */
export function beginsTls(bytes: Uint8Array): boolean | undefined {
  if (bytes[0] !== HANDSHAKE) return bytes.length === 0 ? undefined : false;
  return bytes.length < 2 ? undefined : bytes[1] === MAJOR_VERSION;
}

/**
 * The socket below a TLS socket that was given to a TLS server as a connection. Node keeps it in an
 * undocumented property.
 */
export const socketUnder = (secure: TLSSocket): Socket =>
  (secure as unknown as { readonly _parent: Socket })._parent;
