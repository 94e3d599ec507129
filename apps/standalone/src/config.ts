import { limitKeys, pick, settings } from '@cim/runtime';

/** What standalone reads: all that its route and its im-server read, but for the engines it does not use. */
export const standaloneSettings = {
  ...pick(
    settings,
    'host',
    'advertiseHost',
    'routePort',
    'tcpPort',
    'internalHost',
    'httpPort',
    'routeInternalPort',
    'publicPages',
    'adminToken',
    'dataDir',
    'acceptLoss',
    'clusterSecret',
    'allowedHosts',
  ),
  ...pick(
    settings,
    'auth',
    'sessionPolicy',
    'maxDevices',
    'sessionDays',
    'placement',
    'loginRate',
    'allowList',
    ...limitKeys,
    'idleTimeoutMs',
    'allowedOrigins',
    'trustedProxies',
    'advertiseUrl',
  ),
  logLevel: { ...settings.logLevel, fallback: 'warn' },
};
