/** A Redis URL, and a connection of the kind it names. */
import type { Logger } from '@cim/runtime';
import { Cluster, Redis } from 'ioredis';

export type Connection = Redis | Cluster;

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

interface Address {
  readonly host: string;
  readonly port: number;
}

const FORM =
  'redis://host:port/db, redis+sentinel://host:port,host:port/master or redis+cluster://host:port,host:port';

/** @throws {Error} one line that says how a URL must look; the URL itself may hold a password and is not repeated. */
export function parseRedisUrl(url: string): RedisUrl {
  const [, scheme, login, hosts, path] =
    /^(redis|rediss|redis\+sentinel|redis\+cluster):\/\/(?:([^@/]*)@)?([^/?#]+)(?:\/([^?#]*))?$/.exec(url) ??
    [];
  if (scheme === undefined || hosts === undefined) throw new Error(`the Redis URL must look like ${FORM}`);
  const addresses = hosts.split(',').map((text) => address(text, scheme === 'redis+sentinel' ? 26379 : 6379));
  const [username = '', password] = (login ?? '').split(':').map(decodeURIComponent);
  const credentials = {
    ...(username === '' ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
  const parts = (path ?? '').split('/').filter((part) => part !== '');
  if (scheme === 'redis+sentinel') {
    const [master, db] = parts;
    if (master === undefined)
      throw new Error(`the Redis URL does not name the master; it must look like ${FORM}`);
    return { kind: 'sentinel', sentinels: addresses, master, db: database(db), tls: false, ...credentials };
  }
  if (scheme === 'redis+cluster')
    return { kind: 'cluster', nodes: addresses, db: 0, tls: false, ...credentials };
  const [first] = addresses;
  if (first === undefined || addresses.length > 1)
    throw new Error('a redis:// URL names one server; for several use redis+sentinel:// or redis+cluster://');
  return { kind: 'standalone', ...first, db: database(parts[0]), tls: scheme === 'rediss', ...credentials };
}

function address(text: string, defaultPort: number): Address {
  const [, host, port] = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const number = port === undefined ? defaultPort : Number(port);
  if (host === undefined || number < 1 || number > 65_535)
    throw new Error(`the Redis URL must look like ${FORM}`);
  return { host: host.replace(/^\[|\]$/g, ''), port: number };
}

function database(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^\d{1,4}$/.test(text)) throw new Error(`the Redis URL must look like ${FORM}`);
  return Number(text);
}

export function describeUrl(url: RedisUrl): string {
  const list = (addresses: readonly Address[]) => addresses.map((a) => `${a.host}:${a.port}`).join(',');
  if (url.kind === 'standalone') return `Redis at ${url.host}:${url.port}`;
  if (url.kind === 'sentinel') return `Redis ${url.master} of the Sentinels at ${list(url.sentinels)}`;
  return `Redis Cluster at ${list(url.nodes)}`;
}

/** A command that got no answer in this time fails; it may still be carried out, so every write is safe to repeat. */
const COMMAND_MS = 1_500;
const retryAfter = (attempt: number): number =>
  Math.min(50 * 2 ** Math.min(attempt, 5), 1_000) * (0.5 + Math.random() / 2);

/** Connects in the background, for ever; commands fail after 1.5 s without an answer. */
export function connectRedis(url: RedisUrl, logger: Logger): Connection {
  const options = {
    maxRetriesPerRequest: 1,
    commandTimeout: COMMAND_MS,
    connectTimeout: 2_000,
    retryStrategy: retryAfter,
    // A promoted or demoted node answers READONLY: connect anew, and send the command again.
    reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? (2 as const) : false),
    db: url.db,
    ...(url.username === undefined ? {} : { username: url.username }),
    ...(url.password === undefined ? {} : { password: url.password }),
    ...(url.tls ? { tls: {} } : {}),
  };
  const redis =
    url.kind === 'standalone'
      ? new Redis({ ...options, host: url.host, port: url.port })
      : url.kind === 'sentinel'
        ? new Redis({
            ...options,
            sentinels: [...url.sentinels],
            name: url.master,
            sentinelRetryStrategy: retryAfter,
          })
        : new Cluster([...url.nodes], {
            redisOptions: options,
            clusterRetryStrategy: retryAfter,
            maxRedirections: 8,
            retryDelayOnFailover: 200,
          });
  let lastError = '';
  redis.on('error', (error: Error) => {
    // Each attempt to connect fails with the same words: once is enough.
    if (error.message !== lastError) logger.warn({ err: error }, 'redis.error');
    lastError = error.message;
  });
  redis.on('ready', () => {
    lastError = '';
    logger.info('redis.connected');
  });
  return redis;
}
