/** The internal port: health, metrics, CIM's `/sendMsg`, and by Upgrade the calls of other servers. */
import { isUtf8 } from 'node:buffer';
import type { Server } from 'node:http';
import type { SendService, Suspensions } from '@cim/delivery';
import { CODES, cim, inboxOf, isUserId } from '@cim/protocol';
import {
  clusterKey,
  HTTP_TIMES,
  type HostProblem,
  type Logger,
  type Metrics,
  RareWarning,
  REQUEST_ID_HEADER,
  requestIds,
  sameSecret,
  SECURITY_HEADERS,
} from '@cim/runtime';
import { type ApiKey, ApiKeyCheck, looksLikeApiKey, type Store, userSubject } from '@cim/store';
import fastify, { type FastifyError, type FastifyReply, type FastifyRequest, LogController } from 'fastify';

const BODY_BYTES = 64 * 1024;

export interface InternalHttpParts {
  readonly store: Store;
  readonly sends: Pick<SendService, 'sendKeyed'>;
  readonly suspensions: Pick<Suspensions, 'leftMs'>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /**
   * Keys for `/sendMsg`, derived from the cluster secret. There are several while the secret is being
   * replaced.
   */
  readonly sendKeys: () => readonly string[];
  /** Decides which host names a request may use for this server. */
  readonly hostProblem: HostProblem;
  /** What is not ready, in words; [] when the server is ready. */
  readonly missing: () => readonly string[];
  /** Problems of moderation in words, for `/readyz`. The server stays ready. */
  readonly moderationProblems: () => readonly string[];
}

const NO_KEY =
  'send the cluster secret, its key for /sendMsg, or an API key with the scope "send", as "Authorization: Bearer ..."';

/** CIM's envelope for every answer except those of health and metrics. */
interface Answer {
  readonly code: string;
  readonly message: string;
  readonly reqNo: null;
  readonly dataBody: null;
}

/** Makes the server. The caller listens and closes, and may handle its upgrades. */
export async function createInternalHttp(parts: InternalHttpParts): Promise<Server> {
  const { store, metrics } = parts;
  const app = fastify({
    loggerInstance: parts.logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestIds(() => false),
    bodyLimit: BODY_BYTES,
    requestTimeout: HTTP_TIMES.requestTimeout,
    http: HTTP_TIMES,
    clientErrorHandler: (_error, socket) => socket.destroy(),
    // A path that cannot be decoded is answered as an unknown path: Fastify's own answer has no envelope.
    frameworkErrors: (error, _request, reply) => {
      void (reply as FastifyReply)
        .headers(SECURITY_HEADERS)
        .code(404)
        .send(answerOf(CODES.invalid.code, error.message));
    },
  });
  app.addHook('onRequest', (request, reply, done) => {
    void reply.headers(SECURITY_HEADERS).header(REQUEST_ID_HEADER, request.id);
    const problem = parts.hostProblem(request.headers.host);
    if (problem === undefined) done();
    else void reply.code(403).send(answerOf(CODES.invalid.code, problem));
  });
  // The body is JSON under every content type. The handler decodes it, since a text decoder would replace
  // bytes that are not UTF-8.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? request.url;
    void reply.code(404).send(answerOf(CODES.invalid.code, `there is no ${request.method} ${path} here`));
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = problemOf(error);
    if (problem !== undefined)
      return reply.code(request.is404 ? 404 : 200).send(answerOf(CODES.invalid.code, problem));
    request.log.error({ err: error }, 'request.failed');
    return reply.send(unavailable(reply, error.message));
  });

  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const missing = [...parts.missing()];
    await store.ping().catch((error: unknown) => missing.push(`store: ${String(error)}`));
    if (missing.length > 0) void reply.code(503);
    const moderation = parts.moderationProblems();
    return { ready: missing.length === 0, missing, ...(moderation.length === 0 ? {} : { moderation }) };
  });
  app.get('/metrics', async (_request, reply) => {
    void reply.type(metrics.contentType);
    return metrics.metrics();
  });
  const unnoted = new RareWarning(parts.logger, 'api-key.use-not-noted');
  const keys = new ApiKeyCheck(store.apiKeys, (error) => unnoted.due({ err: error }));
  /** Key: a request under way that has shown an API key. */
  const shown = new WeakMap<FastifyRequest, ApiKey>();
  app.post(
    '/sendMsg',
    {
      // The key is checked before the body is read.
      onRequest: async (request, reply) => {
        const given = (request.headers.authorization ?? '').replace(/^Bearer /, '');
        if (maySend(given, parts.sendKeys())) return undefined;
        if (!looksLikeApiKey(given)) return reply.code(401).send(answerOf(CODES.unknownAccount.code, NO_KEY));
        const key = await keys.check(given);
        if (key === 'unknown')
          return reply
            .code(401)
            .send(answerOf(CODES.unknownAccount.code, 'this API key opens nothing, or no longer'));
        if (key === 'ended')
          return reply
            .code(401)
            .send(answerOf(CODES.expired.code, 'this API key has ended; use the one that replaces it'));
        if (!key.scopes.includes('send'))
          return reply
            .code(403)
            .send(answerOf(CODES.forbidden.code, 'this API key has not the scope "send"'));
        shown.set(request, key);
        return undefined;
      },
    },
    (request, reply) => sendMessage(parts, request.body, shown.get(request), reply),
  );
  await app.ready();
  return app.server;
}

/** What is wrong with the request; undefined when the error is in the server. */
function problemOf(error: FastifyError): string | undefined {
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return `the body is longer than ${BODY_BYTES} bytes`;
  return error.statusCode !== undefined && error.statusCode < 500 ? error.message : undefined;
}

/**
 * CIM's internal push, for systems that use it. Its messages are stored like any other.
 * @param key the API key of the request; undefined: it has shown the cluster secret
 */
async function sendMessage(
  { store, sends, suspensions }: InternalHttpParts,
  body: unknown,
  key: ApiKey | undefined,
  reply: FastifyReply,
): Promise<Answer> {
  const invalid = (message: string): Answer => answerOf(CODES.invalid.code, message);
  if (Buffer.isBuffer(body) && !isUtf8(body)) return invalid('the body is not UTF-8');
  const message = Buffer.isBuffer(body) ? jsonObject(body.toString('utf8')) : undefined;
  if (message === undefined) return invalid('the body is not a JSON object');
  const properties = (message['properties'] ?? {}) as Record<string, unknown>;
  const receiver = message['userId'];
  const senderId = Number(properties['sendUserId']);
  if (!isUserId(receiver)) return invalid('userId must be the receiver, a user id');
  if (!isUserId(senderId)) return invalid('properties.sendUserId must be the sender, a user id');
  if (key?.user !== undefined && key.user !== senderId)
    return answerOf(CODES.forbidden.code, `this API key acts for the user ${key.user} alone`);
  if (key !== undefined && suspensions.leftMs(userSubject(senderId)) > 0)
    return answerOf(CODES.suspended.code, CODES.suspended.message);
  const batch = Array.isArray(message['batchMsg']) ? (message['batchMsg'] as unknown[]) : [];
  const given = [message['msg'], ...batch].filter((t) => t !== undefined && t !== null);
  if (!given.every((t) => typeof t === 'string')) return invalid('msg and batchMsg must be texts');
  // JSON can carry half of a surrogate pair; UTF-8 cannot.
  const texts = given.map((text) => text.toWellFormed());
  const sender = await store.accounts.byId(senderId);
  if (sender === undefined)
    return answerOf(CODES.unknownAccount.code, 'there is no user with the id of the sender');

  const content = cim.Content.encode({ texts }).finish();
  const { receipt } = await sends.sendKeyed({
    door: 'sendMsg',
    actor: sender,
    to: inboxOf(receiver),
    content,
  });
  if (receipt.outcome === 'stored') return answerOf(CODES.success.code, CODES.success.message);
  if (receipt.outcome === 'refused') return answerOf(receipt.code, receipt.text);
  return unavailable(reply, 'the message is not stored; send it again');
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** The key for `/sendMsg` is enough, so that a caller need not hold the cluster secret itself. */
function maySend(given: string, keys: readonly string[]): boolean {
  const derived = clusterKey(given, 'send-msg');
  return keys.some((key) => sameSecret(given, key) || sameSecret(derived, key));
}

const answerOf = (code: string, message: string): Answer => ({ code, message, reqNo: null, dataBody: null });

/** Answers 503 with a time to wait, after which HTTP libraries repeat the request. */
function unavailable(reply: FastifyReply, message: string): Answer {
  void reply.code(503).header('retry-after', '1');
  return answerOf(CODES.failure.code, message);
}
