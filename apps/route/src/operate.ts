/** What operators and their programs ask: is it alive, can it serve, what has it done. */
import type { Member } from '@cim/discovery';
import { gauge } from '@cim/runtime';
import type { FastifyInstance } from 'fastify';
import type { RouteParts } from './route-parts.ts';

/** Those that a login can be placed on. */
const placeable = (members: readonly Member[]): number =>
  members.filter((member) => member.instance !== undefined).length;

/** `/healthz`, `/readyz`, `/metrics`: not in the envelope, not in the documentation. */
export function addOperatorPaths(app: FastifyInstance, { store, membership, metrics }: RouteParts): void {
  gauge(metrics, 'cim_im_servers', 'Listed im-servers that a login can be placed on', () =>
    placeable(membership.members()),
  );
  gauge(metrics, 'cim_registry_connected', 'Whether the registry of im-servers answers', () =>
    Number(membership.connected),
  );
  // Sends need the store alone: a route that has once seen its cluster goes on when all im-servers are away.
  let seen = placeable(membership.members()) > 0;
  const forget = membership.onChange(() => {
    seen ||= placeable(membership.members()) > 0;
  });
  app.addHook('onClose', () => forget());

  app.get('/healthz', { schema: { hide: true } }, () => ({ status: 'ok' }));
  app.get('/readyz', { schema: { hide: true } }, async (_request, reply) => {
    const missing: string[] = [];
    await store
      .ping()
      .catch((error: unknown) =>
        missing.push(`store: ${error instanceof Error ? error.message : String(error)}`),
      );
    const members = membership.members();
    const imServers = placeable(members);
    const foreign = members.length - imServers;
    const { description, connected, problem } = membership;
    if (!seen) {
      missing.push(
        foreign === 0
          ? `im-server: ${description} has listed none yet`
          : `im-server: ${description} lists no im-server of ours (${foreign} foreign)`,
      );
      if (problem !== undefined) missing.push(`registry: ${problem}`);
    }
    if (missing.length > 0) void reply.code(503);
    return { ready: missing.length === 0, missing, imServers, foreign, membershipConnected: connected };
  });
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    void reply.type(metrics.contentType);
    return metrics.metrics();
  });
}
