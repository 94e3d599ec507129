/**
 * Reads the header of the PROXY protocol, version 2. A proxy writes it before the bytes of its client, and it
 * names the client's address. https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, section 2.2. The
 * caller decides whether the sender may be believed.
 */

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Bytes of the signature, the version and command, the family and the length. */
const FIXED_BYTES = 16;
/**
 * Most bytes of the addresses and further fields. The specification allows 65,535; proxies send a few hundred
 * at most.
 */
const MAX_REST_BYTES = 2_048;
/**
 * Start of a header of version 1, a line of text. The refusal names the version, so that the operator can
 * correct the proxy.
 */
const VERSION_1 = Buffer.from('PROXY ', 'latin1');

/** Prefix of an IPv4 address in IPv6. */
const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

const LOCAL = 0x20;
const PROXY = 0x21;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
/** Bytes of two IPv4 addresses and two ports. */
const IPV4_BYTES = 12;
const IPV6_BYTES = 36;

/** The address and port that a connection comes from. */
export interface Remote {
  readonly address: string;
  readonly port: number;
}

export type ProxyHeader =
  /** More bytes are needed to tell whether they are a header. */
  | { readonly kind: 'more' }
  /** They begin as no header does. */
  | { readonly kind: 'none' }
  | { readonly kind: 'bad'; readonly why: string }
  /** `length` bytes are the header. `remote`: the client; undefined when the proxy speaks for itself or names no TCP address. */
  | { readonly kind: 'header'; readonly length: number; readonly remote: Remote | undefined };

const MORE = { kind: 'more' } as const;
const NONE = { kind: 'none' } as const;
const bad = (why: string): ProxyHeader => ({ kind: 'bad', why });

/** Reads the header at the begin of a connection. @param bytes all bytes that have come so far */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (begins(bytes, VERSION_1))
    return bytes.length < VERSION_1.length ? MORE : bad('version 1: send version 2');
  if (!begins(bytes, SIGNATURE)) return NONE;
  if (bytes.length < FIXED_BYTES) return MORE;
  const command = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const rest = bytes.readUInt16BE(14);
  if (command !== LOCAL && command !== PROXY) return bad('unknown version or command');
  if (rest > MAX_REST_BYTES) return bad(`longer than ${FIXED_BYTES + MAX_REST_BYTES} bytes`);
  const needed =
    command === LOCAL ? 0 : family === TCP_OVER_IPV4 ? IPV4_BYTES : family === TCP_OVER_IPV6 ? IPV6_BYTES : 0;
  if (rest < needed) return bad('too short for its addresses');
  const length = FIXED_BYTES + rest;
  if (bytes.length < length) return MORE;
  // For another family (UNIX, UDP, unknown) the header names no address that is used here.
  if (needed === 0) return { kind: 'header', length, remote: undefined };
  const remote =
    needed === IPV4_BYTES
      ? { address: bytes.subarray(16, 20).join('.'), port: bytes.readUInt16BE(24) }
      : { address: ipv6Of(bytes.subarray(16, 32)), port: bytes.readUInt16BE(48) };
  return { kind: 'header', length, remote };
}

/** Whether the bytes begin with the prefix, or may do so when more have come. */
const begins = (bytes: Buffer, prefix: Buffer): boolean => {
  const length = Math.min(bytes.length, prefix.length);
  return bytes.subarray(0, length).equals(prefix.subarray(0, length));
};

/** The shortest form of the address. An IPv4 address in IPv6 (`::ffff:192.0.2.1`) becomes the IPv4 address. */
function ipv6Of(bytes: Buffer): string {
  if (bytes.subarray(0, MAPPED.length).equals(MAPPED)) return bytes.subarray(MAPPED.length).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
