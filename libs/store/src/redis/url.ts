/** The parts of a Redis URL. */

export interface Address {
  readonly host: string;
  readonly port: number;
}

export type RedisUrl = {
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  readonly tls: boolean;
} & (
  | { readonly kind: 'standalone'; readonly host: string; readonly port: number }
  | { readonly kind: 'sentinel'; readonly sentinels: readonly Address[]; readonly master: string }
  | { readonly kind: 'cluster'; readonly nodes: readonly Address[] }
);

const FORM =
  'redis://host:port/db, rediss://host:port/db, redis+sentinel://host:port,host:port/master or redis+cluster://host:port,host:port (with TLS rediss+sentinel://, rediss+cluster://)';
const WRONG = `the Redis URL must look like ${FORM}`;

/**
 * Parses a URL. @throws {Error} one line that says how a URL must look. It does not repeat the URL, which may
 * hold a password
 */
export function parseRedisUrl(url: string): RedisUrl {
  const [, scheme, login, hosts = '', path = ''] =
    /^(rediss?(?:\+sentinel|\+cluster)?):\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/.exec(url) ?? [];
  if (scheme === undefined) throw new Error(WRONG);
  const [protocol = '', kind] = scheme.split(/(?=\+)/);
  const addresses = hosts.split(',').map((text) => address(text, kind === '+sentinel' ? 26_379 : 6_379));
  const parts = path.split('/').filter((part) => part !== '');
  const shared = { tls: protocol === 'rediss', ...credentials(login) };
  if (kind === '+sentinel') {
    const [master, db, ...rest] = parts;
    if (master === undefined)
      throw new Error(
        `the Redis URL does not name the master that the Sentinels watch; it must look like ${FORM}`,
      );
    if (rest.length > 0) throw new Error(WRONG);
    return { kind: 'sentinel', sentinels: addresses, master: decoded(master), db: database(db), ...shared };
  }
  if (kind === '+cluster') {
    if (parts.length > 0)
      throw new Error('a redis+cluster:// URL names no database: a Redis Cluster has only one');
    return { kind: 'cluster', nodes: addresses, db: 0, ...shared };
  }
  const [first, ...others] = addresses;
  if (first === undefined || parts.length > 1) throw new Error(WRONG);
  if (others.length > 0)
    throw new Error('a redis:// URL names one server; for several use redis+sentinel:// or redis+cluster://');
  return { kind: 'standalone', ...first, db: database(parts[0]), ...shared };
}

/** Describes the URL for people, without its password. */
export function describeUrl(url: RedisUrl): string {
  const list = (addresses: readonly Address[]): string => addresses.map(shown).join(',');
  if (url.kind === 'standalone') return `Redis at ${shown(url)}`;
  if (url.kind === 'sentinel') return `Redis ${url.master} of the Sentinels at ${list(url.sentinels)}`;
  return `Redis Cluster at ${list(url.nodes)}`;
}

export const shown = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** The address of a connection, for people. */
export const addressOf = (connection: {
  readonly options: { readonly host?: string | undefined; readonly port?: number | undefined };
}): string => shown({ host: connection.options.host ?? '?', port: connection.options.port ?? 0 });

function address(text: string, defaultPort: number): Address {
  const [, bracketed, plain, port] =
    /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const number = port === undefined ? defaultPort : Number(port);
  if (host === undefined || number < 1 || number > 65_535) throw new Error(WRONG);
  return { host, port: number };
}

/** Decodes `user:password`, `:password` or `user:`. */
function credentials(login: string | undefined): { readonly username?: string; readonly password?: string } {
  if (login === undefined || login === '') return {};
  const cut = login.indexOf(':');
  const username = decoded(cut === -1 ? login : login.slice(0, cut));
  const password = cut === -1 ? '' : decoded(login.slice(cut + 1));
  return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error(
      'the Redis URL has a "%" that is not followed by two hex digits; write "%" itself as %25',
    );
  }
}

function database(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^\d{1,4}$/.test(text)) throw new Error(WRONG);
  return Number(text);
}
