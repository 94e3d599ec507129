import {
  type Auth,
  type ClusterSecret,
  type InNetworks,
  limitKeys,
  type LimitValues,
  moderationKeys,
  pick,
  redisKeys,
  settings,
  type Values,
} from '@cim/runtime';

/** The settings of a route, from flags and environment. */
export const routeSettings = pick(
  settings,
  'host',
  'routePort',
  'internalHost',
  'routeInternalPort',
  'publicPages',
  'web',
  'adminToken',
  ...redisKeys,
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
  'wordsFile',
  ...moderationKeys,
  'outcallHosts',
  'trustedProxies',
  'advertiseUrl',
  'logLevel',
  'logFile',
  'logFileMb',
  'logFilesKept',
  ...limitKeys,
);

/** The settings for tokens. */
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
  /** The cluster secret. A text never changes. */
  readonly clusterSecret: string | ClusterSecret;
  readonly auth: Auth;
  /** Whether the route serves the web chat. Absent: no. */
  readonly web?: boolean;
  /** The settings of CIM_AUTH=jwt. */
  readonly jwt?: TokenConfig;
  /** Addresses without limits. Absent: those of loopback. */
  readonly allowList?: InNetworks;
  /** Hosts inside the network that webhooks may name. Absent: none. */
  readonly outcallHosts?: readonly string[];
  /** Absent: the default limits. */
  readonly limits?: LimitValues;
};
