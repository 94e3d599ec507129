/** Access to Redis: the parts that a URL cannot hold, or should not. */
import { readFileSync } from 'node:fs';
import type { RedisUrl } from './url.ts';

/** Named like the settings of the programs; '' is the same as absent. */
export interface RedisAccess {
  readonly redisPassword?: string;
  readonly redisSentinelUsername?: string;
  readonly redisSentinelPassword?: string;
  readonly redisTlsCa?: string;
  readonly redisTlsCert?: string;
  readonly redisTlsKey?: string;
  readonly redisTlsServername?: string;
}

export interface RedisTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

interface Login {
  readonly username?: string;
  readonly password?: string;
}

/** A URL with everything needed to connect to Redis and its Sentinels. */
export type RedisTarget = RedisUrl & { readonly sentinelLogin: Login; readonly tlsOptions: RedisTls };

/**
 * Adds the access to a URL. @throws {Error} one line: a file cannot be read, or settings contradict each
 * other
 */
export function withAccess(url: RedisUrl, access: RedisAccess): RedisTarget {
  const password = filled(access.redisPassword);
  if (password !== undefined && url.password !== undefined)
    throw new Error(
      'CIM_REDIS_URL has a password, and CIM_REDIS_PASSWORD (or CIM_REDIS_PASSWORD_FILE) is set; give one of them',
    );
  const tlsOptions = withoutAbsent({
    ca: fileText('CIM_REDIS_TLS_CA', access.redisTlsCa),
    cert: fileText('CIM_REDIS_TLS_CERT', access.redisTlsCert),
    key: fileText('CIM_REDIS_TLS_KEY', access.redisTlsKey),
    servername: filled(access.redisTlsServername),
  });
  if (!url.tls && Object.keys(tlsOptions).length > 0)
    throw new Error(
      'CIM_REDIS_TLS_... is set, and CIM_REDIS_URL is without TLS; write rediss:// (or rediss+sentinel://, rediss+cluster://)',
    );
  if ((tlsOptions.cert === undefined) !== (tlsOptions.key === undefined))
    throw new Error('CIM_REDIS_TLS_CERT and CIM_REDIS_TLS_KEY must be set together');
  return {
    ...url,
    ...(password === undefined ? {} : { password }),
    sentinelLogin: withoutAbsent({
      username: filled(access.redisSentinelUsername),
      password: filled(access.redisSentinelPassword),
    }),
    tlsOptions,
  };
}

const filled = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

function fileText(setting: string, path: string | undefined): string | undefined {
  if (path === undefined || path === '') return undefined;
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch (cause) {
    throw new Error(
      `${setting} names ${path}, which cannot be read (${(cause as NodeJS.ErrnoException).code ?? ''})`,
      {
        cause,
      },
    );
  }
}

function withoutAbsent<T extends Readonly<Record<string, string | undefined>>>(
  all: T,
): { readonly [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as {
    readonly [K in keyof T]?: string;
  };
}
