/** Builds the route: the only place where its parts are put together. */
import { lookup } from 'node:dns/promises';
import type { AddressInfo } from 'node:net';
import {
  addressGroup,
  boundHttp,
  defaultLimits,
  type HttpBounds,
  loopbackOnly,
  RareWarning,
  type Running,
  type SecureHttp,
  secureHttp,
} from '@cim/runtime';
import type { FastifyInstance } from 'fastify';
import { createApp } from './app.ts';
import { createInternalApp } from './internal-app.ts';
import { Readiness } from './operate.ts';
import type { RouteParts } from './route-parts.ts';

/** The address of a listening port. */
export interface Listening {
  readonly host: string;
  readonly port: number;
  readonly url: string;
}

/** A running route, with the address for clients. */
export interface Route extends Listening, Running {
  /** The address for operators: `/metrics`, `/documentation`, `/admin`. */
  readonly internal: Listening;
}

/** Longest wait at a stop for clients that do not finish a request or do not read an answer [ms]. */
const CLOSE_WITHIN_MS = 5_000;

/** Listens on both ports. Throws one line when one of them is taken. */
export async function startRoute(parts: RouteParts, closeWithinMs = CLOSE_WITHIN_MS): Promise<Route> {
  const { config, logger, tls } = parts;
  const readiness = new Readiness(parts);
  let stopped = false;
  // Until the store is open, its own log line says why nothing works.
  const begin = (): void => {
    if (stopped) return;
    parts.messaging.suspensions.start();
    parts.messaging.logs.start();
  };
  void parts.store.opened.then(begin, () => undefined);
  const app = await createApp(parts, readiness);
  await app.ready();
  const internal = await createInternalApp(parts, readiness, app.swagger());
  const front = (server: FastifyInstance['server']): SecureHttp | undefined =>
    tls === undefined ? undefined : secureHttp(server, tls, { logger });
  const [appFront, internalFront] = [front(app.server), front(internal.server)];
  for (const { server } of [app, internal]) boundHttp(server, boundsOf(parts));
  const stop = async (): Promise<void> => {
    // The internal port stays open until clients are no longer served, so that operators can watch the stop.
    await close(app, appFront, closeWithinMs);
    await close(internal, internalFront, closeWithinMs);
    readiness.stop();
    stopped = true;
    parts.messaging.suspensions.stop();
    parts.messaging.logs.stop();
  };
  try {
    const operators = await listen(
      internal,
      config.internalHost,
      config.routeInternalPort,
      'CIM_ROUTE_INTERNAL_PORT',
      parts,
    );
    const clients = await listen(app, config.host, config.routePort, 'CIM_ROUTE_PORT', parts);
    logger.info(
      { host: clients.host, port: clients.port, internalHost: operators.host, internalPort: operators.port },
      'route.ready',
    );
    let stopping: Promise<void> | undefined;
    return { ...clients, internal: operators, stop: () => (stopping ??= stop()) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A trusted proxy speaks for many clients, and bounds them itself. */
function boundsOf({ config, logger, observer, supplies, maxConnections }: RouteParts): HttpBounds {
  const { limits = defaultLimits, allowList: allowed = loopbackOnly, trustedProxies } = config;
  const refused = new RareWarning(logger, 'connection.refused');
  return {
    ...{ limits, maxConnections, supplies },
    groupOf: (ip) => (allowed(ip) || trustedProxies(ip) ? undefined : addressGroup(ip)),
    onRefused: () => {
      observer.connectionRefused('http-of-address');
      refused.due({ limit: 'http-of-address' });
    },
  };
}

async function listen(
  app: FastifyInstance,
  host: string,
  wanted: number,
  setting: string,
  { logger, tls }: Pick<RouteParts, 'logger' | 'tls'>,
): Promise<Listening> {
  // Given the name, fastify would open another server for each further address, and those would not speak
  // TLS.
  const one = host === 'localhost' && tls !== undefined ? (await lookup(host)).address : host;
  try {
    await app.listen({ host: one, port: wanted, backlog: 4_096 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(
      `port ${wanted} on ${host} is in use; stop what listens there or choose another port (${setting})`,
      { cause: error },
    );
  }
  const { address, port } = app.server.address() as AddressInfo;
  // One connection could not be accepted, for example for want of file descriptors. Others can.
  const failed = new RareWarning(logger, 'accept.failed');
  app.server.on('error', (error) => failed.due({ err: error, port }));
  const scheme = tls === undefined ? 'http' : 'https';
  return {
    host: address,
    port,
    url: `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`,
  };
}

/**
 * Answers the requests under way. A kept-alive connection that becomes idle only now would keep the server
 * open.
 */
async function close(app: FastifyInstance, front: SecureHttp | undefined, withinMs: number): Promise<void> {
  const idle = setInterval(() => {
    app.server.closeIdleConnections();
    front?.closeArrivals();
  }, 50);
  const late = setTimeout(() => app.server.closeAllConnections(), withinMs);
  try {
    await app.close();
  } finally {
    clearInterval(idle);
    clearTimeout(late);
  }
}
