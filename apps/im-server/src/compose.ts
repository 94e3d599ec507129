/** The im-server, put together: the only place where its parts are built. */
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { TimingWheel, TurnFlusher } from '@cim/channel';
import { type Dispatcher, doorbellHandlers } from '@cim/delivery';
import type { Member, Membership } from '@cim/discovery';
import type { CloseReason } from '@cim/protocol';
import { RpcServer } from '@cim/rpc';
import { advertisedHost, Counter, Gauge, type Logger, type Metrics, type Running } from '@cim/runtime';
import type { Store } from '@cim/store';
import { AckBatch } from './ack-batch.ts';
import type { ImServerConfig } from './config.ts';
import { Connection, type ConnectionParts } from './connection.ts';
import { Instance } from './instance.ts';
import { createInternalHttp } from './internal-http.ts';
import { LocalDoorbell } from './local-doorbell.ts';
import { Look } from './look.ts';
import { SessionRegistry } from './session-registry.ts';

const IDLE_TIMEOUT_MS = 30_000;
/** Clients that are sent away come back spread over this time, in ms. */
const GO_ELSEWHERE_MS = 2_000;
const DRAIN_MS = 5_000;
const VERSION = '0.1.0';

export interface ImServerParts {
  readonly config: ImServerConfig;
  readonly store: Store;
  readonly membership: Membership;
  readonly dispatcher: Dispatcher;
  readonly flusher: TurnFlusher;
  readonly wheel: TimingWheel;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface ImServer extends Running {
  readonly tcp: { readonly host: string; readonly port: number };
  readonly http: { readonly host: string; readonly port: number };
}

/** Listens, takes a lease, lists itself. Throws one line when a port is taken or the store does not answer. */
export async function startImServer(parts: ImServerParts): Promise<ImServer> {
  const { config, store, membership, dispatcher, flusher, wheel, logger, metrics } = parts;
  const host = advertisedHost(config);
  const registry = new SessionRegistry();
  const acks = new AckBatch(store.streams, logger);
  const look = new Look(store, registry, logger);
  /** Every open connection, with a session or without. */
  const connections = new Set<Connection>();
  let self: Omit<Member, 'instance'> | undefined;
  let stopping: Promise<void> | undefined;

  const announce = async (): Promise<void> => {
    if (self !== undefined && stopping === undefined)
      await membership.announce({ ...self, instance: instance.id });
  };
  const instance = new Instance({
    sessions: store.sessions,
    registry,
    logger,
    onRenamed: () => void announce(),
    onServing: () => look.now(),
  });
  const doorbell = new LocalDoorbell(instance, registry, look);
  const closed = new Counter({
    name: 'cim_channels_closed_total',
    help: 'Channels closed, by close reason',
    labelNames: ['reason'],
    registers: [metrics],
  });
  new Gauge({
    name: 'cim_sessions',
    help: 'Live sessions',
    registers: [metrics],
    collect() {
      this.set(registry.size);
    },
  });

  const connectionParts: ConnectionParts = {
    store,
    dispatcher,
    acks,
    instance,
    logger,
    registry,
    flusher,
    wheel,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    clusterSecret: config.clusterSecret,
    onOpened: (connection) => connections.add(connection),
    onClosed: (connection: Connection, reason: CloseReason) => {
      connections.delete(connection);
      closed.inc({ reason });
    },
  };
  const tcp = createTcpServer({ noDelay: true }, (socket: Socket) => {
    new Connection(socket, connectionParts);
  });
  const http = createInternalHttp({
    store,
    dispatcher,
    metrics,
    clusterSecret: config.clusterSecret,
    missing: () => [
      ...(instance.serving ? [] : ['lease: the store has not renewed it']),
      ...(membership.connected ? [] : ['registry: not connected']),
    ],
  });
  const rpc = new RpcServer({
    secret: config.clusterSecret,
    flusher,
    wheel,
    logger,
    handlers: doorbellHandlers(doorbell),
  });
  rpc.attach(http);

  // A failed start leaves nothing behind that would keep the process alive.
  const opened: (() => Promise<void>)[] = [];
  try {
    await instance.start();
    opened.push(() => instance.stop());
    dispatcher.serve(doorbell);
    const httpPort = await listen(http, config.host, config.httpPort, logger);
    opened.push(() => close(http));
    const tcpPort = await listen(tcp, config.host, config.tcpPort, logger);
    opened.push(() => close(tcp));
    look.start();
    opened.push(() => Promise.resolve(look.stop()));
    self = { host, tcpPort, httpPort, version: VERSION, startedAt: Date.now() };
    await announce();
    logger.info({ instance: instance.id, host, tcpPort, httpPort }, 'im-server.ready');
  } catch (error) {
    for (const undo of opened.reverse()) await undo().catch(() => {});
    throw error;
  }

  const stop = async (): Promise<void> => {
    // The order matters (docs/architecture.md, "Stopping"): nobody new is sent here before those here are sent away.
    await membership.withdraw();
    const tcpClosed = close(tcp);
    for (const connection of connections)
      connection.close('draining', Math.floor(Math.random() * GO_ELSEWHERE_MS));
    const deadline = Date.now() + DRAIN_MS;
    while (connections.size > 0 && Date.now() < deadline) await new Promise((r) => setTimeout(r, 20));
    await tcpClosed;
    await acks.flush();
    look.stop();
    await rpc.stop();
    await close(http);
    await instance.stop();
    logger.info({ instance: instance.id }, 'im-server.stopped');
  };

  const address = (server: Server | ReturnType<typeof createInternalHttp>) => {
    const { address: host, port } = server.address() as AddressInfo;
    return { host, port };
  };
  return {
    tcp: address(tcp),
    http: address(http),
    stop: () => (stopping ??= stop()),
  };
}

async function listen(
  server: Server | ReturnType<typeof createInternalHttp>,
  host: string,
  port: number,
  logger: Logger,
): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`port ${port} on ${host} is in use; stop what listens there or choose another port`)
          : error,
      ),
    );
    server.listen({ host, port, backlog: 4_096 }, resolve);
  });
  // One connection could not be taken, for want of file descriptors for instance: the others can.
  server.on('error', (error) => logger.warn({ err: error, port }, 'accept.failed'));
  return (server.address() as AddressInfo).port;
}

const close = (server: Server | ReturnType<typeof createInternalHttp>): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
