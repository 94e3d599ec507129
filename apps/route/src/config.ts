import { pick, settings, type Values } from '@cim/runtime';

/** What a route reads from flags and environment. */
export const routeSettings = pick(
  settings,
  'host',
  'routePort',
  'internalHost',
  'routeInternalPort',
  'publicPages',
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
  'clusterSecret',
  'allowedHosts',
  'auth',
  'sessionPolicy',
  'maxDevices',
  'sessionDays',
  'placement',
  'durability',
  'loginRate',
  'logLevel',
);

export type RouteConfig = Pick<
  Values<typeof routeSettings>,
  | 'host'
  | 'routePort'
  | 'internalHost'
  | 'routeInternalPort'
  | 'publicPages'
  | 'adminToken'
  | 'clusterSecret'
  | 'allowedHosts'
  | 'sessionPolicy'
  | 'maxDevices'
  | 'sessionDays'
  | 'loginRate'
> & { readonly auth: 'open' | 'password' };
