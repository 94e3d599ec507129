import { pick, redisKeys, settings } from '@cim/runtime';

/** The settings that a relay reads from flags and environment. */
export const relaySettings = pick(
  settings,
  'internalHost',
  'relayPort',
  'allowedHosts',
  ...redisKeys,
  'durability',
  'tlsCert',
  'tlsKey',
  'tlsCa',
  'insecure',
  'eventsKept',
  'eventsKeptHours',
  'webhooksFile',
  'outcallHosts',
  'logLevel',
  'logFile',
  'logFileMb',
  'logFilesKept',
);
