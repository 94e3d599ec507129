import { DOOR_LIMITS, TimingWheel, TurnFlusher } from '@cim/channel';
import { addSurroundings, createMessaging, forgetLeft, Moderation, observe } from '@cim/delivery';
import { createPlacement, openZooKeeperMembership, zooKeeperAccess } from '@cim/discovery';
import { RpcClient } from '@cim/rpc';
import {
  configuredFiles,
  configureProcess,
  createLogger,
  createMetrics,
  failStart,
  limitConnections,
  limitsOf,
  LogControl,
  logLines,
  openClusterSecret,
  openTls,
  RecentLoad,
  runProgram,
  trustOf,
  VERSION,
  watchExhaustion,
  watchLoop,
} from '@cim/runtime';
import { openRedisStore, streamLimits } from '@cim/store';
import { startRoute } from './compose.ts';
import { routeSettings } from './config.ts';

const STOP_WITHIN_MS = 15_000;

const given = configureProcess('route', routeSettings);
const logControl = new LogControl(given.logLevel);
const lines = await logLines(given).catch((error: unknown) => failStart('route', error));
const logger = createLogger(given.logLevel, { program: 'route' }, lines, logControl);
const connections = limitConnections(logger);
await runProgram('route', logger, STOP_WITHIN_MS, async ({ onStop }) => {
  // The log is closed last: parts that stop before it still log.
  onStop(() => lines.end());
  const clusterSecret = openClusterSecret(given, configuredFiles(routeSettings), logger);
  onStop(() => clusterSecret.stop());
  const config = {
    ...{ ...given, ...trustOf(given), clusterSecret },
    ...{ jwt: given, limits: limitsOf(given) },
  };
  const metrics = createMetrics({ program: 'route' });
  // Checked before anything is waited for: an unusable pair of files ends the start.
  const tls = openTls(given, { logger, metrics });
  onStop(() => tls?.stop());
  const supplies = watchExhaustion(logger, metrics, connections);
  const load = new RecentLoad();
  const observer = observe(metrics, VERSION, DOOR_LIMITS);
  const store = await openRedisStore({
    ...config,
    url: config.redisUrl,
    limits: streamLimits(config.limits.inboxShare),
    ...{ logger, observer },
  });
  onStop(() => store.stop());
  const membership = openZooKeeperMembership({ servers: config.zk, access: zooKeeperAccess(config), logger });
  onStop(() => membership.stop());
  await membership.start();
  const wheel = new TimingWheel();
  wheel.start();
  const rpc = new RpcClient({
    secret: config.clusterSecret,
    flusher: new TurnFlusher(),
    wheel,
    logger,
    observer,
    tls,
  });
  onStop(async () => {
    await rpc.stop();
    wheel.stop();
  });
  forgetLeft(membership, rpc);
  addSurroundings(metrics, { store, membership, rpc });
  const moderation = await Moderation.open(config, { metrics, observer, logger });
  onStop(() => moderation.stop());
  const messaging = createMessaging({
    ...{ logControl, moderation, heldMost: config.heldMost },
    limits: config.limits,
    ...{ store, membership, rpc, logger, observer },
    sessionPolicy: config.sessionPolicy,
  });
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
  // A Redis that was away at the start may turn out to be unusable.
  store.opened.catch((error: unknown) => failStart('route', error));
  console.log(`route listening on ${route.url}`);
  console.log(`route has its metrics, documentation and admin API on ${route.internal.url}`);
  console.log(`route stores in ${store.description}, finds im-servers through ${membership.description}`);
});
