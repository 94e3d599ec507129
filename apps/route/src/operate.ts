/** Paths for operators and their programs: whether the route is alive, whether it is ready, and its metrics. */
import type { Member } from '@cim/discovery';
import type { Metrics } from '@cim/runtime';
import type { WebhookHealth } from '@cim/store';
import type { FastifyInstance } from 'fastify';
import type { RouteParts } from './route-parts.ts';

/** Number of members that a login can be placed on. */
const placeable = (members: readonly Member[]): number =>
  members.filter((member) => member.instance !== undefined).length;

/** Whether the route is ready. It remembers that im-servers were listed, so each route has its own. */
export class Readiness {
  readonly #parts: Pick<RouteParts, 'store' | 'membership' | 'messaging'>;
  readonly #forget: () => void;
  /**
   * Sends need only the store, so a route that has once seen im-servers stays ready when all of them are
   * away.
   */
  #seen: boolean;

  constructor(parts: Pick<RouteParts, 'store' | 'membership' | 'messaging'>) {
    const { membership } = parts;
    this.#parts = parts;
    this.#seen = placeable(membership.members()) > 0;
    this.#forget = membership.onChange(() => {
      this.#seen ||= placeable(membership.members()) > 0;
    });
  }

  async report(): Promise<{
    readonly ready: boolean;
    readonly missing: readonly string[];
    readonly webhooks?: readonly string[];
    readonly moderation?: readonly string[];
  }> {
    const { store, membership } = this.#parts;
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
    if (!this.#seen) {
      missing.push(
        foreign === 0
          ? `im-server: ${description} has listed none yet`
          : `im-server: ${description} lists no im-server of ours (${foreign} foreign)`,
      );
      if (problem !== undefined) missing.push(`registry: ${problem}`);
    }
    const moderation = this.#parts.messaging.moderationProblems();
    const webhooks = missing.length === 0 ? await this.#failingWebhooks() : [];
    return {
      ready: missing.length === 0,
      missing,
      ...{ imServers, foreign, membershipConnected: connected },
      ...(webhooks.length === 0 ? {} : { webhooks }),
      ...(moderation.length === 0 ? {} : { moderation }),
    };
  }

  /** A line for each. A receiver that is away never makes a route unready. */
  async #failingWebhooks(): Promise<string[]> {
    const health = await this.#parts.store.webhooks.health().catch(() => new Map<string, WebhookHealth>());
    return [...health].flatMap(([id, { failingSince, problem = '' }]) =>
      failingSince === undefined
        ? []
        : [`webhook ${id} fails since ${new Date(failingSince).toISOString()}: ${problem}`],
    );
  }

  stop(): void {
    this.#forget();
  }
}

/** Adds `/healthz` and `/readyz`, without the envelope and without documentation. */
export function addHealth(app: FastifyInstance, readiness: Readiness): void {
  app.get('/healthz', { schema: { hide: true } }, () => ({ status: 'ok' }));
  app.get('/readyz', { schema: { hide: true } }, async (_request, reply) => {
    const report = await readiness.report();
    if (!report.ready) void reply.code(503);
    return report;
  });
}

/** Adds `/metrics`, in Prometheus' format. */
export function addMetrics(app: FastifyInstance, metrics: Metrics): void {
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    void reply.type(metrics.contentType);
    return metrics.metrics();
  });
}
