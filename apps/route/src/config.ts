import {
  type Auth,
  type ClusterSecret,
  type InNetworks,
  limitKeys,
  type LimitValues,
  pick,
  settings,
  type Values,
} from '@cim/runtime';

/** What a route reads from flags and environment. */
export const routeSettings = pick(
  settings,
  'host',
  'routePort',
  'internalHost',
  'routeInternalPort',
  'publicPages',
  'web',
  'adminToken',
  'redisUrl',
  'redisPassword',
  'redisSentinelUsername',
  'redisSentinelPassword',
  'redisTlsCa',
  'redisTlsCert',
  'redisTlsKey',
  'redisTlsServername',
  'zk',
  'zkAuth',
  'zkAcl',
  'tlsCert',
  'tlsKey',
  'tlsCa',
  'insecure',
  'clusterSecret',
  'clusterSecretNext',
  'allowedHosts',
  'allowedOrigins',
  'auth',
  'jwtKey',
  'jwtJwksUrl',
  'jwtAlgorithms',
  'jwtIssuer',
  'jwtAudience',
  'jwtGroups',
  'sessionPolicy',
  'maxDevices',
  'sessionDays',
  'placement',
  'durability',
  'loginRate',
  'allowList',
  'trustedProxies',
  'advertiseUrl',
  'logLevel',
  'logFile',
  'logFileMb',
  'logFilesKept',
  ...limitKeys,
);

/** Settings of tokens. */
export type TokenConfig = Pick<
  Values<typeof routeSettings>,
  'jwtKey' | 'jwtJwksUrl' | 'jwtAlgorithms' | 'jwtIssuer' | 'jwtAudience' | 'jwtGroups'
>;

export type RouteConfig = Pick<
  Values<typeof routeSettings>,
  | 'host'
  | 'routePort'
  | 'internalHost'
  | 'routeInternalPort'
  | 'publicPages'
  | 'adminToken'
  | 'allowedHosts'
  | 'allowedOrigins'
  | 'sessionPolicy'
  | 'maxDevices'
  | 'sessionDays'
  | 'loginRate'
  | 'trustedProxies'
  | 'advertiseUrl'
> & {
  /** A text never changes. */
  readonly clusterSecret: string | ClusterSecret;
  readonly auth: Auth;
  /** Whether it serves the web chat; not when it is absent. */
  readonly web?: boolean;
  /** Of CIM_AUTH=jwt. */
  readonly jwt?: TokenConfig;
  /** Addresses without a limit; those of loopback when it is absent. */
  readonly allowList?: InNetworks;
  /** The defaults when it is absent. */
  readonly limits?: LimitValues;
};
