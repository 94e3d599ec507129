/** Route and im-server in one process, on embedded storage and embedded discovery: nothing to install. */
import { join } from 'node:path';
import { DOOR_LIMITS, TimingWheel, TurnFlusher } from '@cim/channel';
import { addSurroundings, createMessaging, Moderation, observe } from '@cim/delivery';
import { createPlacement, openEmbeddedMembership } from '@cim/discovery';
import { startImServer } from '@cim/im-server';
import { startRelay } from '@cim/relay';
import { startRoute } from '@cim/route';
import { RpcClient } from '@cim/rpc';
import {
  configureProcess,
  createLogger,
  createMetrics,
  failStart,
  limitConnections,
  limitsOf,
  LogControl,
  logLines,
  openTls,
  RecentLoad,
  runProgram,
  secretInFile,
  trustOf,
  VERSION,
  watchExhaustion,
  watchLoop,
} from '@cim/runtime';
import { openEmbeddedStore, streamLimits } from '@cim/store';
import { standaloneSettings } from './config.ts';

const STOP_WITHIN_MS = 15_000;

// All files of this process are closed to others: the store, its logs, the secret.
process.umask(0o077);
const given = configureProcess('standalone', standaloneSettings);
const logControl = new LogControl(given.logLevel);
const lines = await logLines(given).catch((error: unknown) => failStart('standalone', error));
const logger = createLogger(given.logLevel, { program: 'standalone' }, lines, logControl);
// LevelDB keeps up to a fifth of the allowed files open.
const connections = limitConnections(logger, 0.2);
await runProgram('standalone', logger, STOP_WITHIN_MS, async ({ stopping, onStop }) => {
  // The log is closed last: parts that stop before it still log.
  onStop(() => lines.end());
  const metrics = createMetrics({ program: 'standalone' });
  const supplies = watchExhaustion(logger, metrics, connections);
  const load = new RecentLoad();
  const observer = observe(metrics, VERSION, DOOR_LIMITS);
  // Checked before anything is waited for: an unusable pair of files ends the start.
  const tls = openTls(given, { logger, metrics });
  onStop(() => tls?.stop());
  const store = await openEmbeddedStore({
    dir: given.dataDir,
    logger,
    observer,
    acceptLoss: given.acceptLoss === 'yes',
    limits: streamLimits(given.limitInboxShare),
  });
  onStop(() => store.stop());
  const clusterSecret =
    given.clusterSecret === '' ? secretInFile(join(given.dataDir, 'cluster-secret')) : given.clusterSecret;
  const config = { ...given, ...trustOf({ ...given, clusterSecret }), jwt: given, limits: limitsOf(given) };
  const membership = openEmbeddedMembership();
  onStop(() => membership.stop());
  await membership.start();
  const flusher = new TurnFlusher();
  const wheel = new TimingWheel();
  wheel.start();
  const rpc = new RpcClient({ secret: config.clusterSecret, flusher, wheel, logger, observer, tls });
  onStop(async () => {
    await rpc.stop();
    wheel.stop();
  });
  addSurroundings(metrics, { store, membership, rpc });
  const moderation = await Moderation.open(given, { metrics, observer, logger });
  onStop(() => moderation.stop());
  const messaging = createMessaging({
    ...{ logControl, moderation, heldMost: given.heldMost },
    limits: config.limits,
    ...{ store, membership, rpc, logger, observer },
    sessionPolicy: config.sessionPolicy,
  });
  const server = await startImServer({
    config,
    store,
    membership,
    messaging,
    flusher,
    wheel,
    logger,
    metrics,
    tls,
    observer,
    load,
    traffic: () => observer.traffic,
    maxConnections: connections.atMost,
    supplies,
    stopping,
    exit: () => process.kill(process.pid, 'SIGTERM'),
  });
  onStop(() => server.stop());
  const relay = startRelay({ config, store, logger, metrics });
  onStop(() => relay.stop());
  const placement = createPlacement(config.placement);
  const route = await startRoute({
    config,
    store,
    membership,
    placement,
    messaging,
    logger,
    metrics,
    observer,
    load,
    traffic: () => observer.traffic,
    maxConnections: connections.atMost,
    supplies,
    tls,
  });
  onStop(() => route.stop());
  watchLoop(logger, metrics, observer, load);
  const { url } = route;
  console.log(`route listening on ${url}`);
  console.log(`route has its metrics, documentation and admin API on ${route.internal.url}`);
  console.log(
    `im-server listening on tcp ${server.tcp.host}:${server.tcp.port}, internal http ${server.http.host}:${server.http.port}`,
  );
  console.log(`mode: ${store.description} (${config.dataDir})`);
  const other = route.port === 8083 && tls === undefined ? '' : ` --route ${url}`;
  if (config.web) console.log(`open ${url}/ in a browser, or`);
  console.log(`open a chat in another terminal:  npm run chat -- --name alice${other}`);
});
