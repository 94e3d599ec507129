/**
 * The operators' API: `/admin` on the internal port. Each resource has a file of its own; this file checks
 * credentials and registers the resources.
 */
import { CODES } from '@cim/protocol';
import { VERSION } from '@cim/runtime';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RouteParts } from '../route-parts.ts';
import { requestCheck } from '../request-check.ts';
import { problem } from '../v1/problems.ts';
import type { AdminParts } from './admin-parts.ts';
import { auditTo } from './audit.ts';
import { auditedTo } from './audited.ts';
import { addApiKeys } from './api-keys.ts';
import { addBackups } from './backups.ts';
import { addBans } from './bans.ts';
import { addGroups } from './groups.ts';
import { addHeld } from './held.ts';
import { addLog } from './log.ts';
import { addMessages } from './messages.ts';
import { addMoves } from './moves.ts';
import { addOnline } from './online.ts';
import { addServers } from './servers.ts';
import { OperatorCheck } from './operator-check.ts';
import { addPage } from './page/page-app.ts';
import { PageSessions } from './page/page-sessions.ts';
import { addTraffic } from './traffic/traffic.ts';
import { addUsers } from './users.ts';
import { addWebhooks } from './webhooks.ts';

const ADMIN = '/admin';

const DOCUMENT = {
  openapi: '3.1.0',
  info: {
    title: 'CIM admin API',
    version: VERSION,
    description: "On the internal port of a route. Problems are application/problem+json with CIM's code.",
  },
  components: {
    securitySchemes: {
      adminToken: { type: 'http', scheme: 'bearer', description: 'the token of CIM_ADMIN_TOKEN' },
      apiKey: { type: 'http', scheme: 'bearer', description: 'an API key of the scope `admin`' },
    },
  },
} as const;

declare module 'fastify' {
  interface FastifyInstance {
    /** The OpenAPI description of the paths under `/admin`. */
    adminApi: () => object;
  }
}

/** Adds `/admin`. Without CIM_ADMIN_TOKEN every path under it answers 404 and names that setting. */
export async function addAdmin(app: FastifyInstance, parts: RouteParts): Promise<void> {
  const on = parts.config.adminToken !== '';
  const sessions = new PageSessions();
  const check = new OperatorCheck(parts, sessions);
  /** Key: a request under way. Value: the name of the credential that it showed. */
  const names = new WeakMap<FastifyRequest, string>();
  const audited = auditedTo(auditTo(parts.logger), (request) => names.get(request) ?? '');
  if (on)
    await app.register(
      (scope) =>
        addPage(scope, {
          ...{ sessions, audited, secure: parts.tls !== undefined },
          logIn: async (request, credential) => {
            names.set(request, await check.login(request, credential));
          },
        }),
      { prefix: ADMIN },
    );
  await app.register(
    async (scope) => {
      scope.addHook('onRequest', (request, reply, next) => {
        if (!on) {
          const detail = 'the admin API is off: set CIM_ADMIN_TOKEN on this route';
          void reply.send(problem(reply, CODES.invalid.code, detail, { status: 404 }));
        } else
          check.request(request).then(
            (name) => {
              names.set(request, name);
              next();
            },
            (error: unknown) => next(error as Error),
          );
      });
      // A handler of its own, so that an unknown path also asks for the token first.
      scope.setNotFoundHandler((request, reply) => {
        const detail = `there is no ${request.method} ${request.url.split('?')[0] ?? ''} here`;
        void reply.send(problem(reply, CODES.invalid.code, detail, { status: 404 }));
      });
      const given: AdminParts = { parts, audited };
      await scope.register(swagger, { decorator: 'adminApi', openapi: DOCUMENT });
      const typed = scope.withTypeProvider<TypeBoxTypeProvider>().setValidatorCompiler(requestCheck);
      addServers(typed, given);
      if (on) addTraffic(typed, given);
      addUsers(typed, given);
      addOnline(typed, given);
      addGroups(typed, given);
      addMessages(typed, given);
      addMoves(typed, given);
      addLog(typed, given);
      addBackups(typed, given);
      addApiKeys(typed, given);
      addBans(typed, given);
      addWebhooks(typed, given);
      addHeld(typed, given);
      scope.get('/openapi.json', { schema: { hide: true } }, () => scope.adminApi());
    },
    { prefix: ADMIN },
  );
}
