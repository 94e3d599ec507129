import {
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

/** The settings of an im-server, from flags and environment. */
export const imServerSettings = pick(
  settings,
  'host',
  'advertiseHost',
  'tcpPort',
  'processes',
  'internalHost',
  'httpPort',
  ...redisKeys,
  'zk',
  'zkAuth',
  'zkAcl',
  'zkShareWithCim',
  'tlsCert',
  'tlsKey',
  'tlsCa',
  'insecure',
  'clusterSecret',
  'clusterSecretNext',
  'allowedHosts',
  'durability',
  'idleTimeoutMs',
  'drainRate',
  'sessionPolicy',
  'sessionDays',
  'allowedOrigins',
  'allowList',
  'wordsFile',
  ...moderationKeys,
  'outcallHosts',
  'trustedProxies',
  'logLevel',
  'logFile',
  'logFileMb',
  'logFilesKept',
  ...limitKeys,
);

export type ImServerConfig = Pick<
  Values<typeof imServerSettings>,
  | 'host'
  | 'advertiseHost'
  | 'tcpPort'
  | 'internalHost'
  | 'httpPort'
  | 'allowedHosts'
  | 'idleTimeoutMs'
  | 'drainRate'
  | 'sessionDays'
  | 'allowedOrigins'
  | 'trustedProxies'
> & {
  /** The cluster secret. A text never changes. */
  readonly clusterSecret: string | ClusterSecret;
  /** Addresses without limits. Absent: those of loopback. */
  readonly allowList?: InNetworks;
  /** Absent: the default limits. */
  readonly limits?: LimitValues;
};
