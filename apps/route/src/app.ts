/** The HTTP interface for clients: CIM's paths in CIM's envelope, and `/v1`. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { type CimError, CODES, type UserId } from '@cim/protocol';
import {
  defaultLimits,
  DOCUMENTATION_CSP,
  HTTP_TIMES,
  knownHosts,
  loopbackOnly,
  REQUEST_ID_HEADER,
  requestIds,
  SECURITY_HEADERS,
  UNKNOWN_PATH,
  VERSION,
} from '@cim/runtime';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  LogController,
  type preSerializationHookHandler,
} from 'fastify';
import { ChangePassword } from './change-password.ts';
import { bearerOf, secretHash } from './credentials.ts';
import { answerPreflights, originHeaders } from './cross-origin.ts';
import { type Answer, answerError, refusal, success, unavailable, unknownPath } from './envelope.ts';
import { historyPage } from './history.ts';
import { Identify } from './identity/identify.ts';
import { tokenAccounts } from './identity/token-accounts.ts';
import { looksLikeToken } from './identity/tokens.ts';
import { limitedError, RequestLimits } from './limits/request-limits.ts';
import { Login } from './login.ts';
import { Online } from './online.ts';
import { addHealth, addMetrics, type Readiness } from './operate.ts';
import { Passwords } from './passwords.ts';
import { Reachability } from './reachable.ts';
import { requestCheck } from './request-check.ts';
import type { RouteParts } from './route-parts.ts';
import * as schemas from './schemas.ts';
import { Sending } from './sending.ts';
import { acceptUtf8Json } from './utf8-json.ts';
import { problem } from './v1/problems.ts';
import { isV1 } from './v1/v1-app.ts';
import { addV1 } from './v1/v1.ts';
import { addWeb } from './web.ts';

const BODY_BYTES = 256 * 1024;
/** CIM's HTTP library keeps connections for 5 minutes. */
const KEEP_ALIVE_MS = 330_000;
/** Retry-After for a request whose client is gone [ms]; nobody reads it. */
const GONE_MS = 1_000;

/** Makes the server for clients. After it is ready, `swagger()` of the result describes all of its paths. */
export async function createApp(parts: RouteParts, readiness: Readiness): Promise<FastifyInstance> {
  const { store, messaging, metrics, observer } = parts;
  const app = fastify({
    loggerInstance: parts.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES,
    genReqId: requestIds(parts.config.trustedProxies),
    // So `request.ip` is the client's address, as trusted proxies tell it.
    trustProxy: (address) => parts.config.trustedProxies(address),
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: HTTP_TIMES.requestTimeout,
    http: HTTP_TIMES,
    forceCloseConnections: 'idle',
    // A request during the stop is served, and its answer closes the connection.
    return503OnClosing: false,
    // A path that cannot be decoded is an unknown path. Fastify's own answer has no envelope.
    frameworkErrors: (error, request, reply) => {
      void (reply as FastifyReply).headers(SECURITY_HEADERS);
      const answer = isV1(request.url)
        ? problem(reply, CODES.invalid.code, error.message, { status: 404 })
        : unknownPath(request, reply, error.message);
      void (reply as FastifyReply).send(answer);
    },
  })
    .withTypeProvider<TypeBoxTypeProvider>()
    .setValidatorCompiler(requestCheck);
  const { allowedOrigins } = parts.config;
  const hostProblem = knownHosts(parts.config.host, parts.config.allowedHosts);
  app.addHook('onRequest', (request, reply, done) => {
    const byOrigin = originHeaders(request.headers.origin, allowedOrigins);
    void reply.headers({ ...SECURITY_HEADERS, ...byOrigin, [REQUEST_ID_HEADER]: request.id });
    const wrong = hostProblem(request.headers.host);
    if (wrong === undefined) done();
    else if (isV1(request.url)) void reply.send(problem(reply, CODES.invalid.code, wrong, { status: 403 }));
    else void reply.code(403).send(refusal(request, CODES.invalid.code, wrong));
  });
  app.decorateRequest('clientAddress', '');
  app.addHook('onResponse', (request, reply, done) => {
    // The path without its query, which may hold anything.
    const { id: reqId, method, clientAddress: from } = request;
    const ms = Math.round(reply.elapsedTime);
    parts.logger.debug(
      { reqId, method, path: pathOf(request.url), status: reply.statusCode, ms, from },
      'request.answered',
    );
    done();
  });
  const { limits: limitValues = defaultLimits, allowList: allowed = loopbackOnly } = parts.config;
  const limits = new RequestLimits({
    limits: store.limits,
    values: limitValues,
    allowed,
    suspensions: messaging.suspensions,
    logger: parts.logger,
  });
  app.addHook('onRequest', (request, reply, done) => {
    // Node no longer knows the address of a connection that has ended. Nobody reads the answer, so nothing is
    // done.
    const address = request.ip as string | undefined;
    request.clientAddress = address ?? '';
    const refused = address === undefined ? limitedError('request', GONE_MS) : limits.refusal(address);
    if (refused === undefined) done();
    else if (isV1(request.url)) void reply.send(problem(reply, refused.code, refused.message, refused));
    else void reply.send(unavailable(request, reply, refused.code, refused.message, refused.retryAfterMs));
  });
  answerPreflights(app as unknown as FastifyInstance, allowedOrigins);
  app.addHook('onSend', (request, reply, payload, done) => {
    if (reply.v1Code === CODES.unknownAccount.code) limits.namedNobody(request.clientAddress);
    done(null, payload);
  });
  // One hook per path, which knows the path. Asking a request for its route makes fastify collect everything
  // about it.
  app.addHook('onRoute', (route) => {
    if (isV1(route.url) || route.schema?.hide === true) return;
    observer.pathServed(route.url);
    const count: preSerializationHookHandler = (request, reply, payload, done) => {
      if (isAnswer(payload)) {
        observer.requestAnswered(route.url, payload.code, reply.elapsedTime / 1_000);
        if (payload.code === CODES.unknownAccount.code) limits.namedNobody(request.clientAddress);
      }
      done(null, payload);
    };
    route.preSerialization = [route.preSerialization ?? [], count].flat();
  });
  app.removeContentTypeParser('text/plain');
  acceptUtf8Json(app as unknown as FastifyInstance);
  app.setErrorHandler((error: FastifyError | CimError, request, reply) => answerError(error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    observer.requestAnswered(UNKNOWN_PATH, CODES.invalid.code, reply.elapsedTime / 1_000);
    void reply.send(unknownPath(request, reply, `there is no ${request.method} ${pathOf(request.url)} here`));
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'CIM route',
        version: VERSION,
        description:
          "`/v1` answers problems as application/problem+json with CIM's code. CIM's own paths answer in CIM's " +
          'envelope: HTTP 200, but for 4000 and overload (503 with Retry-After), a refused /p2pRoute or ' +
          '/groupRoute (400) and an unknown path (404).',
      },
      components: {
        securitySchemes: {
          session: { type: 'http', scheme: 'bearer', description: 'the `secret` of POST /v1/sessions' },
          token: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'under CIM_AUTH=jwt: of a user, signed by the business system',
          },
          apiKey: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'cim_<id>_<secret>',
            description:
              'of a system, made by POST /admin/api-keys; it must have one of the scopes that the operation names, and says by ' +
              '`X-CIM-From` for which user it acts',
          },
        },
      },
    },
  });
  const { publicPages } = parts.config;
  if (publicPages.includes('documentation'))
    await app.register(swaggerUi, { routePrefix: '/documentation', staticCSP: DOCUMENTATION_CSP });

  const tokens = tokenAccounts(parts);
  const passwords = parts.passwords ?? new Passwords(undefined, limitValues.hashes);
  const login = new Login(parts, passwords, new Reachability(messaging.calls), limits, tokens);
  const passwordChange = new ChangePassword(parts, passwords, limits);
  const sending = new Sending(parts, limits);
  const online = new Online(parts);
  const identify = new Identify(parts, tokens);
  const response = { 200: schemas.Envelope, 503: schemas.Envelope };
  const sendResponse = { ...response, 400: schemas.Envelope };

  app.post('/registerAccount', { schema: { body: schemas.RegisterRequest, response } }, async (request) => {
    const { userName, password, token } = request.body;
    const { account } = await login.register(
      userName,
      password ?? undefined,
      request.clientAddress,
      token ?? undefined,
    );
    return success(request, { userId: account.userId, userName: account.userName });
  });
  app.post('/login', { schema: { body: schemas.LoginRequest, response } }, async (request) =>
    success(request, await login.login(request.body, request.clientAddress, request.id)),
  );
  app.post(
    '/changePassword',
    { schema: { body: schemas.ChangePasswordRequest, response } },
    async (request) => {
      const { userId, password, newPassword } = request.body;
      await passwordChange.change(
        userId as UserId,
        password ?? undefined,
        newPassword,
        bearerOf(request),
        request.clientAddress,
      );
      return success(request);
    },
  );
  app.post('/offLine', { schema: { body: schemas.OfflineRequest, response } }, async (request) => {
    const account = await identify.account(request, request.body.userId, []);
    const secret = bearerOf(request);
    await login.logOut(
      account.userId,
      secret === '' || looksLikeToken(secret) ? undefined : { secretHash: secretHash(secret) },
    );
    return success(request);
  });
  app.post(
    '/p2pRoute',
    { schema: { body: schemas.PrivateRequest, response: sendResponse } },
    async (request, reply) => {
      const account = await identify.account(request, request.body.userId, ['send']);
      return sending.toUser(request, reply, account, request.body.receiveUserId, request.body);
    },
  );
  app.post(
    '/groupRoute',
    { schema: { body: schemas.GroupRequest, response: sendResponse } },
    async (request, reply) => {
      const account = await identify.account(request, request.body.userId, ['send']);
      return sending.toGroup(request, reply, account, request.body);
    },
  );
  app.post(
    '/fetchOfflineMsgs',
    { schema: { body: schemas.FetchOfflineRequest, response } },
    async (request) => {
      const account = await identify.account(request, request.body.receiveUserId, ['read']);
      for (const at of await store.sessions.locate(account.userId))
        messaging.calls.fetchOffline(account.userId, at);
      return success(request);
    },
  );
  app.get(
    '/onlineUser',
    {
      onRequest: (request) => identify.assertKnown(request),
      schema: { querystring: schemas.OnlineQuery, response },
    },
    async (request, reply) => {
      const { limit = schemas.ONLINE_AT_MOST, after = 0 } = request.query;
      const { users, more } = await online.page(limit, after);
      // CIM's reader expects the list and nothing else, so further information is in a header.
      if (more) void reply.header('x-cim-more', 'true');
      const list = await online.text(users);
      const answer = success(request, []);
      void reply
        .type('application/json; charset=utf-8')
        .serializer(() => `${JSON.stringify({ ...answer, dataBody: 0 }).slice(0, -2)}${list}}`);
      return answer;
    },
  );
  app.get(
    '/history',
    {
      schema: {
        querystring: schemas.HistoryQuery,
        response: { 200: schemas.HistoryEnvelope, 503: schemas.Envelope },
      },
    },
    async (request) => {
      const account = await identify.account(request, request.query.userId, ['read']);
      return success(request, await historyPage(store.streams, account.userId, request.query));
    },
  );

  addHealth(app as unknown as FastifyInstance, readiness);
  if (publicPages.includes('metrics')) addMetrics(app as unknown as FastifyInstance, metrics);
  await addV1(app as unknown as FastifyInstance, { parts, login, online, identify, limits });
  if (parts.config.web === true) await addWeb(app as unknown as FastifyInstance, parts);
  return app as unknown as FastifyInstance;
}

const isAnswer = (payload: unknown): payload is Answer =>
  typeof payload === 'object' && payload !== null && 'code' in payload && typeof payload.code === 'string';
const pathOf = (url: string): string => url.split('?')[0] ?? url;
