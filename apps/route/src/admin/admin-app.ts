/** The operators' door: `/admin` on the internal port. A file for each resource; this one guards it and puts them together. */
import { CODES } from '@cim/protocol';
import { RareWarning, sameSecret } from '@cim/runtime';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { bearerOf } from '../credentials.ts';
import type { RouteParts } from '../route-parts.ts';
import { NotAuthorized, problem } from '../v1/problems.ts';
import { type Audit, auditTo } from './audit.ts';
import { addServers } from './servers.ts';

/** What each resource under `/admin` is given. */
export interface AdminParts {
  readonly parts: RouteParts;
  readonly audit: Audit;
  /** The credential that a request showed, by its name. */
  readonly actorOf: (request: FastifyRequest) => string;
}

const ADMIN = '/admin';

/** Without CIM_ADMIN_TOKEN every path under `/admin` answers 404 and names that setting. */
export async function addAdmin(app: FastifyInstance, parts: RouteParts): Promise<void> {
  const { adminToken } = parts.config;
  const refused = new RareWarning(parts.logger, 'admin.refused');
  await app.register(
    (scope, _options, done) => {
      scope.addHook('onRequest', (request, reply, next) => {
        if (adminToken === '') {
          const detail = 'the admin API is off: set CIM_ADMIN_TOKEN on this route';
          void reply.send(problem(reply, CODES.invalid.code, detail, { status: 404 }));
        } else if (sameSecret(bearerOf(request), adminToken)) next();
        else {
          refused.due({ from: request.ip });
          next(new NotAuthorized('send "Authorization: Bearer <token>" with the token of CIM_ADMIN_TOKEN'));
        }
      });
      // One of its own, so that an unknown path too asks for the token first.
      scope.setNotFoundHandler((request, reply) => {
        const detail = `there is no ${request.method} ${request.url.split('?')[0] ?? ''} here`;
        void reply.send(problem(reply, CODES.invalid.code, detail, { status: 404 }));
      });
      const given: AdminParts = { parts, audit: auditTo(parts.logger), actorOf: () => 'admin-token' };
      addServers(scope, given);
      done();
    },
    { prefix: ADMIN },
  );
}
