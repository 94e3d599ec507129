import { DOOR_LIMITS, TimingWheel, TurnFlusher } from '@cim/channel';
import { addSurroundings, createMessaging, forgetLeft, Moderation, observe } from '@cim/delivery';
import { openZooKeeperMembership, zooKeeperAccess } from '@cim/discovery';
import { RpcClient } from '@cim/rpc';
import {
  configuredFiles,
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
  requireReachable,
  runProgram,
  tellSupervisor,
  VERSION,
  watchExhaustion,
  watchLoop,
} from '@cim/runtime';
import { openRedisStore, streamLimits } from '@cim/store';
import { startImServer } from './compose.ts';
import { imServerSettings } from './config.ts';
import { config } from './configured.ts';

const STOP_WITHIN_MS = 15_000;

const logControl = new LogControl(config.logLevel);
const lines = await logLines(config).catch((error: unknown) => failStart('im-server', error));
const logger = createLogger(config.logLevel, { program: 'im-server' }, lines, logControl);
const connections = limitConnections(logger);
await runProgram('im-server', logger, STOP_WITHIN_MS, async ({ stopping, onStop }) => {
  // The log is closed last: parts that stop before it still log.
  onStop(() => lines.end());
  requireReachable(config);
  const clusterSecret = openClusterSecret(config, configuredFiles(imServerSettings), logger);
  onStop(() => clusterSecret.stop());
  const limits = limitsOf(config);
  const metrics = createMetrics({ program: 'im-server' });
  // Checked before anything is waited for: an unusable pair of files ends the start.
  const tls = openTls(config, { logger, metrics });
  onStop(() => tls?.stop());
  const supplies = watchExhaustion(logger, metrics, connections);
  const load = new RecentLoad();
  const observer = observe(metrics, VERSION, DOOR_LIMITS);
  const store = await openRedisStore({
    ...config,
    url: config.redisUrl,
    limits: streamLimits(limits.inboxShare),
    ...{ logger, observer },
  });
  onStop(() => store.stop());
  const membership = openZooKeeperMembership({
    servers: config.zk,
    access: zooKeeperAccess(config),
    shareWithCim: config.zkShareWithCim === 'true',
    logger,
  });
  onStop(() => membership.stop());
  await membership.start();
  const flusher = new TurnFlusher();
  const wheel = new TimingWheel();
  wheel.start();
  const rpc = new RpcClient({ secret: clusterSecret, flusher, wheel, logger, observer, tls });
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
    limits,
    ...{ store, membership, rpc, logger, observer },
    sessionPolicy: config.sessionPolicy,
  });
  const starting = startImServer({
    config: { ...config, clusterSecret, limits },
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
  // A signal ends a start that still waits for the store, and leaves nothing behind.
  onStop(() =>
    starting.then(
      (server) => server.stop(),
      () => undefined,
    ),
  );
  const server = await starting;
  watchLoop(logger, metrics, observer, load);
  console.log(
    `im-server listening on tcp ${server.tcp.host}:${server.tcp.port}, internal http ${server.http.host}:${server.http.port}`,
  );
  tellSupervisor();
  console.log(`im-server stores in ${store.description}, finds others through ${membership.description}`);
});
