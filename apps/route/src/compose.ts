/** The route, put together. */
import type { AddressInfo } from 'node:net';
import { RareWarning, type Running } from '@cim/runtime';
import type { FastifyInstance } from 'fastify';
import { createApp } from './app.ts';
import type { RouteParts } from './route-parts.ts';

export interface Route extends Running {
  readonly host: string;
  readonly port: number;
  /** Where it listens. */
  readonly url: string;
}

/** A client that does not finish its request, or does not read its answer, holds up no stop for longer. */
const CLOSE_WITHIN_MS = 5_000;

/** Listens. Throws one line when the port is taken. */
export async function startRoute(parts: RouteParts, closeWithinMs = CLOSE_WITHIN_MS): Promise<Route> {
  const { config, logger } = parts;
  const app = await createApp(parts);
  try {
    await app.listen({ host: config.host, port: config.routePort, backlog: 4_096 });
  } catch (error) {
    await app.close();
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE')
      throw new Error(
        `port ${config.routePort} on ${config.host} is in use; stop what listens there or choose another port`,
        {
          cause: error,
        },
      );
    throw error;
  }
  const { address, port } = app.server.address() as AddressInfo;
  // One connection could not be taken, for want of file descriptors for instance: the others can.
  const failed = new RareWarning(logger, 'accept.failed');
  app.server.on('error', (error) => failed.due({ err: error, port }));
  logger.info({ host: address, port }, 'route.ready');
  let stopping: Promise<void> | undefined;
  return {
    host: address,
    port,
    url: `http://${address.includes(':') ? `[${address}]` : address}:${port}`,
    stop: () => (stopping ??= close(app, closeWithinMs)),
  };
}

/** Answers what is under way. A kept-alive connection that falls idle only now would keep the server open. */
async function close(app: FastifyInstance, withinMs: number): Promise<void> {
  const idle = setInterval(() => app.server.closeIdleConnections(), 50);
  const late = setTimeout(() => app.server.closeAllConnections(), withinMs);
  try {
    await app.close();
  } finally {
    clearInterval(idle);
    clearTimeout(late);
  }
}
