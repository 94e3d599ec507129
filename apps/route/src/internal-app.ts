/** The internal port of the route: metrics, documentation, health, and the admin API under `/admin`. */
import swagger, { type StaticDocumentSpec } from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { type CimError, CODES } from '@cim/protocol';
import {
  DOCUMENTATION_CSP,
  HTTP_TIMES,
  knownHosts,
  REQUEST_ID_HEADER,
  requestIds,
  SECURITY_HEADERS,
} from '@cim/runtime';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, LogController } from 'fastify';
import { addAdmin } from './admin/admin-app.ts';
import { addHealth, addMetrics, type Readiness } from './operate.ts';
import type { RouteParts } from './route-parts.ts';
import { errorProblem, problem } from './v1/problems.ts';

const BODY_BYTES = 64 * 1024;

/**
 * @param document OpenAPI document of the paths for clients (version 3.1, which the types of the plugin do
 * not know)
 */
export async function createInternalApp(
  parts: RouteParts,
  readiness: Readiness,
  document: object,
): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: parts.logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestIds(parts.config.trustedProxies),
    bodyLimit: BODY_BYTES,
    requestTimeout: HTTP_TIMES.requestTimeout,
    http: HTTP_TIMES,
    forceCloseConnections: 'idle',
    clientErrorHandler: (_error, socket) => socket.destroy(),
    frameworkErrors: (error, _request, reply) => {
      void (reply as FastifyReply).headers(SECURITY_HEADERS);
      const answer = problem(reply, CODES.invalid.code, error.message, { status: 404 });
      void (reply as FastifyReply).send(answer);
    },
  }) as unknown as FastifyInstance;
  app.decorateReply('v1Code', CODES.success.code);
  app.decorateRequest('clientAddress', '');
  const hostProblem = knownHosts(parts.config.internalHost, parts.config.allowedHosts);
  app.addHook('onRequest', (request, reply, done) => {
    // Read now: the audit log needs the address when the act has ended, and the client may have left by then.
    const address = request.ip as string | undefined;
    request.clientAddress = address ?? '';
    void reply.headers(SECURITY_HEADERS).header(REQUEST_ID_HEADER, request.id);
    const wrong = hostProblem(request.headers.host);
    if (wrong === undefined) done();
    else void reply.send(problem(reply, CODES.invalid.code, wrong, { status: 403 }));
  });
  app.setErrorHandler((error: FastifyError | CimError, request, reply) =>
    errorProblem(error, request, reply),
  );
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const detail = `there is no ${request.method} ${path} here`;
    void reply.send(problem(reply, CODES.invalid.code, detail, { status: 404 }));
  });
  const specification = { document } as StaticDocumentSpec;
  await app.register(swagger, { mode: 'static', specification });
  // "Try it out" is off, since the paths of the page are on another port.
  await app.register(swaggerUi, {
    routePrefix: '/documentation',
    uiConfig: { supportedSubmitMethods: [] },
    staticCSP: DOCUMENTATION_CSP,
  });
  addHealth(app, readiness);
  addMetrics(app, parts.metrics);
  await addAdmin(app, parts);
  return app;
}
