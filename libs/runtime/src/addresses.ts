import { BlockList, isIP, isIPv6 } from 'node:net';
import type { Option } from './config.ts';

/**
 * The group of addresses that limits count together: an IPv4 address alone, or the /64 of an IPv6 address,
 * which one customer usually gets. An IPv4 address written as IPv6 (::ffff:192.0.2.1) counts as the IPv4
 * address.
 */
export function addressGroup(address: string): string {
  const [ip = ''] = address.split('%');
  if (!isIPv6(ip)) return ip;
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip) ?? [];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = ip.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  // An IPv4 address at the end of an IPv6 address stands for two groups.
  const behind = after.length + (ip.includes('.') ? 1 : 0);
  const groups = [
    ...before,
    ...(tail === undefined ? [] : Array<string>(Math.max(0, 8 - before.length - behind)).fill('0')),
    ...after,
  ];
  const prefix = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${prefix.join(':')}::/64`;
}

/**
 * Parses `192.0.2.0/24`, `2001:db8::/32`, or a single address. @throws {Error} that says what the text must
 * be
 */
function subnetOf(text: string): readonly [address: string, bits: number, family: 'ipv4' | 'ipv6'] {
  const [address = '', bits, more] = text.split('/');
  const version = isIP(address);
  const most = version === 4 ? 32 : 128;
  const length = bits === undefined ? most : Number(bits);
  if (version === 0 || more !== undefined || !(length >= 0 && length <= most) || !/^\d+$/.test(bits ?? '0'))
    throw new Error('must name networks, such as 192.0.2.0/24,2001:db8::/32, or be none');
  return [address, length, version === 4 ? 'ipv4' : 'ipv6'];
}

/**
 * Whether an address is in a list of networks. An unknown address, of a connection that has ended, is in no
 * network.
 */
export type InNetworks = (address: string | undefined) => boolean;

/** Parses a list of networks. @throws {Error} that says what the text must be */
export function networks(text: string): InNetworks {
  const list = new BlockList();
  if (text !== 'none')
    for (const one of text.split(',')) {
      const [address, bits, family] = subnetOf(one.trim());
      list.addSubnet(address, bits, family);
    }
  return (given) => {
    const [ip = ''] = (given ?? '').split('%');
    const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip) ?? [];
    const version = isIP(mapped ?? ip);
    return version !== 0 && list.check(mapped ?? ip, version === 4 ? 'ipv4' : 'ipv6');
  };
}

/** The networks of the machine itself. */
export const LOOPBACK_NETWORKS = '127.0.0.0/8,::1/128';
export const loopbackOnly: InNetworks = networks(LOOPBACK_NETWORKS);

/** Defines a setting whose value is a list of networks. */
export const networksOption = (
  env: Option<InNetworks>['env'],
  fallback: string,
  doc: string,
): Option<InNetworks> => ({ env, fallback, doc, parse: networks });
