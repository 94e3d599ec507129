/** The route, put together. */
import type { AddressInfo } from 'node:net';
import type { Running } from '@cim/runtime';
import { createApp } from './app.ts';
import type { RouteParts } from './route-parts.ts';

export interface Route extends Running {
  readonly host: string;
  readonly port: number;
}

/** Listens. Throws one line when the port is taken. */
export async function startRoute(parts: RouteParts): Promise<Route> {
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
  logger.info({ host: address, port }, 'route.ready');
  let stopping: Promise<void> | undefined;
  return {
    host: address,
    port,
    stop: () => (stopping ??= app.close()),
  };
}
