/** Whose address a connection has that came through proxies. */
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Remote } from './proxy-header.ts';

/**
 * The client, of the address that a request came from and its `X-Forwarded-For`. Each proxy adds the address that it was
 * asked from at the end, so the list is read from there, as long as the one who wrote an address is trusted. What is no
 * address ends it: the last address before it counts.
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

/** From now on the stream tells this address in place of that of its proxy. */
export function tellRemote(stream: Duplex, { address, port }: Remote): void {
  Object.defineProperties(stream, {
    remoteAddress: { value: address, configurable: true },
    remotePort: { value: port, configurable: true },
  });
}
