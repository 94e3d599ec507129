/** `GET /admin/servers`: the im-servers that the registry lists. */
import type { FastifyInstance } from 'fastify';
import type { AdminParts } from './admin-parts.ts';

export function addServers(app: FastifyInstance, { parts }: AdminParts): void {
  app.get('/servers', () => ({
    items: parts.membership
      .members()
      .map(({ instance, host, tcpPort, httpPort, version, startedAt, moving }) => ({
        // A server of CIM tells nothing of itself.
        ...(instance !== undefined && { instance }),
        ...{ host, tcpPort, httpPort },
        ...(version !== undefined && { version }),
        ...(moving !== undefined && { moving }),
        ...(startedAt !== undefined && { startedAt: new Date(startedAt).toISOString() }),
      })),
  }));
}
