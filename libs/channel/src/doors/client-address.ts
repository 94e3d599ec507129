/** Finds the client's address of a connection that came through proxies. */
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Remote } from './proxy-header.ts';

/**
 * The client of a request, by the address that the request came from and its `X-Forwarded-For`. Each proxy
 * appends the address that it was asked from. So the list is read from its end, as long as the address that
 * wrote the entry is a trusted proxy. An entry that is not an address ends the reading, and the last address
 * before it counts.
 */
export function forwardedFor(
  from: string,
  header: string | undefined,
  isTrusted: (address: string) => boolean,
): string {
  let client = from;
  const hops = (header ?? '').split(',');
  for (let i = hops.length - 1; i >= 0 && isTrusted(client); i--) {
    const hop = (hops[i] ?? '').trim();
    if (isIP(hop) === 0) break;
    client = hop;
  }
  return client;
}

/** Makes the stream answer this remote address in place of its proxy's. */
export function tellRemote(stream: Duplex, { address, port }: Remote): void {
  Object.defineProperties(stream, {
    remoteAddress: { value: address, configurable: true },
    remotePort: { value: port, configurable: true },
  });
}
