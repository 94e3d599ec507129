import { isIP } from 'node:net';

export interface ZooKeeperServer {
  readonly host: string;
  readonly port: number;
}

export interface ZooKeeperAddress {
  readonly servers: readonly ZooKeeperServer[];
  /** Prefix of every path: '' or `/some/path`. */
  readonly chroot: string;
}

/**
 * Reads `host[:port],host[:port],…[/chroot]`, as ZooKeeper's own tools write it. IPv6 addresses stand in brackets.
 * @throws an Error with one line for a person
 */
export function parseZooKeeperServers(text: string): ZooKeeperAddress {
  const slash = text.indexOf('/');
  const hosts = slash === -1 ? text : text.slice(0, slash);
  const chroot = slash === -1 ? '' : text.slice(slash).replace(/\/$/, '');
  if (!/^(?:\/[\w-][\w.-]*)*$/.test(chroot))
    throw new Error(`"${text}" names no valid ZooKeeper path after its servers`);
  const servers = hosts
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseServer);
  if (servers.length === 0) throw new Error('no ZooKeeper server is named; write host:port,host:port');
  return { servers, chroot };
}

function parseServer(text: string): ZooKeeperServer {
  const [, bracketed, plain, port = '2181'] = /^(?:\[(.*)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const valid = bracketed === undefined ? host !== undefined : isIP(bracketed) === 6;
  if (host === undefined || !valid || Number(port) < 1 || Number(port) > 65_535)
    throw new Error(`"${text}" is no ZooKeeper server; write host:port`);
  return { host, port: Number(port) };
}
