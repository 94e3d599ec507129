/**
 * Which targets may be called. An operator who enters the URL of a webhook must not reach what only this
 * machine or its network can reach (server-side request forgery). So such addresses are refused, unless the
 * configuration names their host.
 */
import { lookup as resolve, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { type InNetworks, networks } from '@cim/runtime';

/**
 * IPv4 addresses inside: this network, private, shared, loopback, link-local, special, documentation,
 * multicast, reserved.
 */
const INSIDE_4: InNetworks = networks(
  [
    '0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,172.16.0.0/12,192.0.0.0/24,192.0.2.0/24',
    '192.88.99.0/24,192.168.0.0/16,198.18.0.0/15,198.51.100.0/24,203.0.113.0/24,224.0.0.0/4,240.0.0.0/4',
  ].join(','),
);
/**
 * The only IPv6 addresses outside. Loopback, link-local, unique local, multicast and mapped IPv4 addresses
 * are not among them.
 */
const GLOBAL_6: InNetworks = networks('2000::/3');
/**
 * Exceptions within `GLOBAL_6`: special addresses, documentation, and addresses that contain an IPv4 address.
 */
const INSIDE_6: InNetworks = networks('2001::/23,2001:db8::/32,2002::/16,3fff::/20');

/** Whether an address is inside a network, or is no address at all. */
export function isInside(address: string): boolean {
  const [ip = ''] = address.split('%');
  switch (isIP(ip)) {
    case 4:
      return INSIDE_4(ip);
    case 6:
      // `networks` treats a mapped address as its IPv4 address.
      return /^::ffff:/i.test(ip) || !GLOBAL_6(ip) || INSIDE_6(ip);
    default:
      return true;
  }
}

/** The host of a URL, without the brackets of IPv6. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, '$1');

/** The host and port of a URL, for logs: the rest of the URL may hold a key of the receiver. */
export const loggedHost = (url: string): string => (URL.canParse(url) ? new URL(url).host : 'no URL');

/**
 * What is wrong with a URL that is to be called, as the end of a sentence; undefined when it may be called.
 * The addresses of its host are checked at the call.
 * @param allowed hosts that may be inside the network, and may be called without TLS
 */
export function outcallUrlProblem(text: string, allowed: readonly string[]): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    return 'must be a URL such as https://example.com/hook';
  if (url.username !== '' || url.password !== '')
    return 'must not have a name or a password in it; calls are signed';
  if (url.hash !== '') return 'must not have a # in it';
  const host = hostOf(url);
  if (allowed.includes(host)) return undefined;
  if (isIP(host) !== 0 && isInside(host))
    return `names ${host}, which is an address inside the network; CIM_OUTCALL_HOSTS allows it by name`;
  if (url.protocol === 'http:')
    return 'must begin with https:// (CIM_OUTCALL_HOSTS names hosts that may be called without TLS)';
  return undefined;
}

/** The name stands for an address that may not be called. */
export class InsideError extends Error {}

/**
 * A look-up for sockets that fails when one of the addresses is inside the network. The socket connects to
 * exactly the checked addresses, so it does not matter when the name stands for another address a moment
 * later.
 * @param find as `dns.lookup`; replaced in tests
 */
export function guardedLookup(allowed: readonly string[], find: typeof resolve = resolve): LookupFunction {
  return (hostname, options, done) => {
    find(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) return done(error, '', 0);
      const [first] = addresses;
      if (first === undefined) return done(new Error(`${hostname} has no address`), '', 0);
      const inside = addresses.find(({ address }) => isInside(address));
      if (inside !== undefined && !allowed.includes(hostname.toLowerCase()))
        return done(
          new InsideError(`${hostname} is ${inside.address}, which is an address inside the network`),
          '',
          0,
        );
      if (options.all === true) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
}
