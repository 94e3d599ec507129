/** Builds the im-server: the only place where its parts are put together. */
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DoorLimit, doorLimitsFor, PublicDoor, TimingWheel, TurnFlusher } from '@cim/channel';
import { doorbellHandlers, type Messaging } from '@cim/delivery';
import type { Member, Membership } from '@cim/discovery';
import type { CloseReason } from '@cim/protocol';
import { RpcServer } from '@cim/rpc';
import {
  addressGroup,
  advertisedHost,
  boundHttp,
  ClusterSecret,
  inSlices,
  defaultLimits,
  knownHosts,
  loopbackOnly,
  type Logger,
  type Metrics,
  type Observer,
  RareWarning,
  RecentLoad,
  type Running,
  secureHttp,
  type Supplies,
  type Traffic,
  type TlsFiles,
  TokenBuckets,
  VERSION,
} from '@cim/runtime';
import { addressSubject, LogScans, type Store } from '@cim/store';
import { AckBatch } from './subscriptions/ack-batch.ts';
import type { ImServerConfig } from './config.ts';
import { Connection, type ConnectionParts, LOGIN_TIMEOUT_MS } from './sessions/connection.ts';
import { DirtyWatch } from './recovery/dirty-watch.ts';
import { GroupLogs } from './subscriptions/group-logs.ts';
import { Interest } from './subscriptions/interest.ts';
import { FoldWatch } from './recovery/fold-watch.ts';
import { GroupWatch } from './recovery/group-watch.ts';
import { Instance } from './recovery/instance.ts';
import { addGauges } from './internal/gauges.ts';
import { createInternalHttp } from './internal/internal-http.ts';
import { LocalDoorbell } from './internal/local-doorbell.ts';
import { Look } from './recovery/look.ts';
import { Mover } from './sessions/mover.ts';
import { SendBudget } from './sessions/send-budget.ts';
import { closeSuspended } from './sessions/close-suspended.ts';
import { SessionRegistry } from './sessions/session-registry.ts';

/**
 * Clients are sent away at this rate per second when the server stops, since the other servers have to take
 * them in.
 */
const GO_ELSEWHERE_RATE = 1_000;
const GO_ELSEWHERE_MS = 8_000;
/** Longest wait for connections that have not closed yet [ms]. */
const CLOSE_MS = 2_000;
const DRAIN_TICK_MS = 20;

/**
 * Limits whose excess is an offence of the address. An address may exceed the other limits through no fault
 * of its own.
 */
const OFFENCES: readonly DoorLimit[] = ['connect-rate', 'connections-of-address', 'strangers-of-address'];
/** Close reasons before a login that clients of ours do not cause. */
const STRANGE: readonly CloseReason[] = [
  'bad-frame',
  'frame-too-large',
  'login-timeout',
  'unauthorized',
  'protocol-error',
];

export interface ImServerParts {
  readonly config: ImServerConfig;
  readonly store: Store;
  readonly membership: Membership;
  readonly messaging: Messaging;
  readonly flusher: TurnFlusher;
  readonly wheel: TimingWheel;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly observer: Observer;
  /** The load of this process, for operators. Absent: the im-server measures its own. */
  readonly load?: RecentLoad;
  /** The counts of this process, for operators. Absent: the server answers a question about load without counts. */
  readonly traffic?: () => Traffic;
  /** With it both ports speak TLS. */
  readonly tls?: TlsFiles | undefined;
  /** Most connections of clients at once. */
  readonly maxConnections: number;
  /** What the process has left; strangers are refused when it is scarce. */
  readonly supplies: Supplies;
  /** Aborts a start that waits for the store. */
  readonly stopping: AbortSignal;
  /** Ends the process as a signal does, after an operator's drain. */
  readonly exit: () => void;
}

export interface ImServer extends Running {
  readonly tcp: { readonly host: string; readonly port: number };
  readonly http: { readonly host: string; readonly port: number };
}

/**
 * Listens, takes a lease and lists the server. It waits for a store that is away as long as necessary.
 * @throws {Error} one line: a port is taken, the store's settings are wrong, or the program is stopping
 */
export async function startImServer(parts: ImServerParts): Promise<ImServer> {
  const { config, store, membership, messaging, flusher, wheel, logger, metrics, observer, tls } = parts;
  const { supplies } = parts;
  const { sends, scheduled, held, calls, suspensions, logs } = messaging;
  const secret = ClusterSecret.of(config.clusterSecret);
  const { load = new RecentLoad() } = parts;
  const host = advertisedHost(config);
  const hostProblem = knownHosts(config.host, config.allowedHosts);
  const registry = new SessionRegistry();
  const acks = new AckBatch(store.streams, logger);
  const folds = new FoldWatch(messaging.conversations);
  const look = new Look(store, registry, logger, (user, top) => folds.moved(user, top));
  /** Ends of sessions that the store has not answered yet. Each is removed with its answer. */
  const releases = new Set<Promise<void>>();
  /** Every open connection, with or without a session. Removed when it closes. */
  const connections = new Set<Connection>();
  let self: Omit<Member, 'instance'> | undefined;
  let stopping: Promise<void> | undefined;

  const announce = async (): Promise<void> => {
    if (self !== undefined && stopping === undefined)
      await membership.announce({
        ...{ ...self, instance: instance.id },
        ...(mover.moving !== undefined && { moving: mover.moving }),
      });
  };
  const mover = new Mover({
    registry,
    announce,
    hindrance: () => hindranceOf(instance, membership),
    rate: config.drainRate,
    logger,
    exit: parts.exit,
  });
  const instance = new Instance({
    sessions: store.sessions,
    registry,
    logger,
    // A refusal is logged elsewhere and shown by /readyz.
    onRenamed: () => void announce().catch(() => undefined),
    onServing: () => {
      look.now();
      groupWatch.now();
    },
    onRenewal: (outcome) => observer.leaseRenewed(outcome),
  });
  const interest = new Interest(store.groups, () => instance.id);
  const groups = new GroupLogs(store.streams, interest);
  const groupWatch = new GroupWatch({
    logs: groups,
    interest,
    groups: store.groups,
    changed: (users) => calls.groupsChanged(users),
    failed: new RareWarning(logger, 'groups.failed'),
  });
  const dirty = new DirtyWatch({ streams: store.streams, registry, instance, groups });
  const doorbell = new LocalDoorbell({
    ...{ instance, registry, groups, observer, suspensions, mover },
    load: () => ({
      ...load.load,
      sessions: registry.size,
      connections: door.visits.connections,
      serving: instance.serving,
      ...(parts.traffic !== undefined && { traffic: parts.traffic() }),
    }),
  });
  suspensions.onSuspended((subject, leftMs) => {
    const closed = closeSuspended(subject, leftMs, connections);
    if (closed > 0) logger.info({ subject, leftMs, closed }, 'ban.kicked');
  });
  store.onSuccession(() => {
    if (stopping !== undefined) return;
    // The lease may be lost too, and with it all sessions here.
    void instance.renew();
    look.now();
    void groups.lobby.lookNow();
    groupWatch.now();
    void inSlices([...registry.all()], (session) => session.recount());
  });
  const refusing = new RareWarning(logger, 'connection.refused');
  const strange = new RareWarning(logger, 'login.refused', 1_000);
  const { limits = defaultLimits, allowList: allowed = loopbackOnly } = config;
  const arrivals = new TokenBuckets(limits.connect);
  const groupOf = (ip: string): string | undefined => (allowed(ip) ? undefined : addressGroup(ip));
  const budget = new SendBudget();
  addGauges(metrics, {
    visits: () => door.visits,
    maxConnections: parts.maxConnections,
    rpc: () => rpc,
    ...{ connections, groups, instance, budget, scheduled, held },
  });

  const connectionParts: ConnectionParts = {
    store,
    scans: new LogScans(store.streams),
    sends,
    calls,
    acks,
    groups,
    instance,
    limits,
    suspensions,
    budget,
    logger,
    observer,
    supplies,
    registry,
    releases,
    flusher,
    wheel,
    idleTimeoutMs: config.idleTimeoutMs,
    sessionMs: config.sessionDays * 24 * 3_600_000,
    ticketKeys: () => secret.keys('ticket'),
    onOpened: (connection) => connections.add(connection),
    onClosed: (connection: Connection, reason: CloseReason) => {
      connections.delete(connection);
      observer.channelClosed(reason);
      const address = groupOf(connection.remoteAddress);
      if (connection.stage === 'login' && STRANGE.includes(reason))
        strange.due({ remote: connection.remoteAddress, reason });
      if (connection.stage === 'login' && address !== undefined && STRANGE.includes(reason))
        suspensions.offence(addressSubject(address), `logins that were none (${reason})`);
    },
  };
  const door = new PublicDoor({
    wheel,
    handshakeMs: LOGIN_TIMEOUT_MS,
    supplies,
    allowedOrigins: config.allowedOrigins,
    limits: doorLimitsFor(parts.maxConnections),
    onStream: (stream, visit) => new Connection(stream, visit, connectionParts),
    address: {
      connections: limits.connections,
      arrive: (address) => arrivals.take(address),
      suspendedMs: (address) => suspensions.ask(addressSubject(address)),
      groupOf,
    },
    onRefused: (limit, ip, why) => {
      const address = ip === undefined ? undefined : groupOf(ip);
      if (address !== undefined && OFFENCES.includes(limit))
        suspensions.offence(addressSubject(address), `connections (${limit})`);
      observer.connectionRefused(limit);
      refusing.due({ limit, why });
    },
    isTrustedProxy: config.trustedProxies,
    hostProblem,
    tls,
  });
  const tcp = door.server;
  const http = await createInternalHttp({
    store,
    sends,
    suspensions,
    logger,
    metrics,
    sendKeys: () => secret.keys('send-msg'),
    hostProblem: knownHosts(config.internalHost, config.allowedHosts),
    moderationProblems: () => messaging.moderationProblems(),
    missing: () => [
      ...(instance.serving ? [] : ['lease: the store has not renewed it']),
      ...(membership.connected ? [] : ['registry: not connected']),
      ...(membership.problem === undefined ? [] : [`registry: ${membership.problem}`]),
      // A proxy in front of all im-servers should pass new connections to the others.
      ...(mover.moving === 'drain' ? ['drain: sessions are moving to the other im-servers'] : []),
    ],
  });
  const rpc = new RpcServer({
    secret,
    address: () => self,
    flusher,
    wheel,
    logger,
    handlers: doorbellHandlers(doorbell),
    tls,
  });
  rpc.attach(http);
  const front = tls === undefined ? undefined : secureHttp(http, tls, { logger, asksForCertificate: true });
  boundHttp(http, {
    ...{ limits, groupOf, supplies },
    maxConnections: parts.maxConnections,
    onRefused: () => {
      observer.connectionRefused('http-of-address');
      refusing.due({ limit: 'http-of-address' });
    },
  });
  const closeHttp = async (): Promise<void> => {
    const closed = close(http);
    front?.closeArrivals();
    await closed;
  };

  // Parts to close when the start fails, so that nothing keeps the process alive.
  const opened: (() => Promise<void>)[] = [];
  try {
    const httpPort = await listen(http, config.internalHost, config.httpPort, logger);
    opened.push(closeHttp);
    // The store may be away for long. Until it is open, the internal port answers that this server is not
    // ready.
    await unlessAborted(store.opened, parts.stopping);
    await instance.start(parts.stopping);
    suspensions.start();
    logs.start();
    opened.push(
      () => Promise.resolve(suspensions.stop()),
      () => Promise.resolve(logs.stop()),
    );
    opened.push(() => instance.stop());
    messaging.serve(doorbell);
    const tcpPort = await listen(tcp, config.host, config.tcpPort, logger);
    opened.push(() => close(tcp));
    look.start();
    dirty.start();
    groupWatch.start();
    scheduled.start();
    held.start();
    opened.push(
      () => scheduled.stop(),
      () => held.stop(),
    );
    opened.push(() => {
      look.stop();
      dirty.stop();
      groupWatch.stop();
      return Promise.resolve();
    });
    self = {
      ...{ host, tcpPort, httpPort, version: VERSION, startedAt: Date.now() },
      ...(tls !== undefined && { tls: tls.alsoPlain ? 'also' : 'only' }),
    };
    opened.push(() => membership.withdraw());
    await announce();
    logger.info({ instance: instance.id, host, tcpPort, httpPort }, 'im-server.ready');
  } catch (error) {
    for (const undo of opened.reverse()) await undo().catch(() => {});
    throw error;
  }

  const stop = async (): Promise<void> => {
    // The order matters (docs/architecture.md, "Stopping"): new clients must go elsewhere before those here
    // are sent away.
    mover.stop();
    await membership.withdraw();
    const tcpClosed = close(tcp);
    door.closeArrivals();
    await sendAway([...connections]);
    const deadline = performance.now() + CLOSE_MS;
    while (connections.size > 0 && performance.now() < deadline) await sleep(DRAIN_TICK_MS);
    await tcpClosed;
    await Promise.all([acks.flush(), scheduled.stop(), held.stop(), ...releases]);
    look.stop();
    dirty.stop();
    groupWatch.stop();
    groups.end();
    suspensions.stop();
    logs.stop();
    await rpc.stop();
    await closeHttp();
    await instance.stop();
    logger.info({ instance: instance.id }, 'im-server.stopped');
  };

  const address = (server: Server | HttpServer) => {
    const { address: host, port } = server.address() as AddressInfo;
    return { host, port };
  };
  return {
    tcp: address(tcp),
    http: address(http),
    stop: () => (stopping ??= stop()),
  };
}

/** Why closed sessions would come back here or find no server now; '' when they would not. */
function hindranceOf(instance: Instance, membership: Membership): string {
  if (!instance.serving) return 'the store does not answer: nobody could log in';
  if (!membership.connected)
    return 'the registry does not answer: routes do not know that no login is wanted here';
  const others = membership.members().filter((member) => member.instance !== instance.id);
  return others.some((member) => member.instance !== undefined && member.moving === undefined)
    ? ''
    : 'no other im-server takes logins';
}

/** Settles as the promise does, or rejects when the signal is aborted. */
async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const settled = new AbortController();
  const aborted = once(signal, 'abort', { signal: settled.signal }).then(() => signal.throwIfAborted());
  // If the promise settles first, nobody awaits this one.
  aborted.catch(() => undefined);
  try {
    await Promise.race([promise, aborted]);
  } finally {
    settled.abort();
  }
}

/** Closes sessions spread over time, so that the other servers do not get all logins at once. */
async function sendAway(connections: readonly Connection[]): Promise<void> {
  const withinMs = Math.min((connections.length / GO_ELSEWHERE_RATE) * 1_000, GO_ELSEWHERE_MS);
  const begun = performance.now();
  for (let away = 0; away < connections.length; ) {
    const passed = (performance.now() - begun + DRAIN_TICK_MS) / Math.max(withinMs, 1);
    const due = Math.min(Math.ceil(connections.length * passed), connections.length);
    for (; away < due; away++) connections[away]?.close('draining');
    if (away < connections.length) await sleep(DRAIN_TICK_MS);
  }
}

async function listen(
  server: Server | HttpServer,
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
  // One connection could not be accepted, for example for want of file descriptors. Others can.
  const failed = new RareWarning(logger, 'accept.failed');
  server.on('error', (error) => failed.due({ err: error, port }));
  return (server.address() as AddressInfo).port;
}

const close = (server: Server | HttpServer): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
