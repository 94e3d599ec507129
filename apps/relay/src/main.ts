import {
  configureProcess,
  createLogger,
  createMetrics,
  failStart,
  gauge,
  knownHosts,
  LogControl,
  logLines,
  openTls,
  runProgram,
  secureHttp,
  VERSION,
} from '@cim/runtime';
import { openRedisStore } from '@cim/store';
import { startRelay } from './compose.ts';
import { relaySettings } from './config.ts';
import { createInternalServer, listen } from './internal-server.ts';

const STOP_WITHIN_MS = 15_000;

const config = configureProcess('relay', relaySettings);
const lines = await logLines(config).catch((error: unknown) => failStart('relay', error));
const logger = createLogger(config.logLevel, { program: 'relay' }, lines, new LogControl(config.logLevel));
await runProgram('relay', logger, STOP_WITHIN_MS, async ({ onStop }) => {
  // The log ends last, since everything that stops before it logs.
  onStop(() => lines.end());
  const metrics = createMetrics({ program: 'relay' });
  gauge(metrics, 'cim_build_info', 'Always 1; the label says which build runs', () => 1, {
    version: VERSION,
  });
  const tls = openTls({ ...config, host: config.internalHost }, { logger, metrics });
  onStop(() => tls?.stop());
  const store = await openRedisStore({ ...config, url: config.redisUrl, logger });
  onStop(() => store.stop());
  const relay = startRelay({ config, store, logger, metrics });
  onStop(() => relay.stop());
  const server = createInternalServer({
    ...{ store, relay, metrics },
    hostProblem: knownHosts(config.internalHost, config.allowedHosts),
  });
  if (tls !== undefined) secureHttp(server, tls, { logger });
  const port = await listen(server, config.internalHost, config.relayPort);
  onStop(() => server.close().closeAllConnections());
  // A Redis that was away at the start may turn out to be unusable.
  store.opened.catch((error: unknown) => failStart('relay', error));
  logger.info({ host: config.internalHost, port }, 'relay.ready');
  console.log(
    `relay has its metrics on ${tls === undefined ? 'http' : 'https'}://${config.internalHost}:${port}`,
  );
  console.log(`relay reads events in ${store.description}`);
});
