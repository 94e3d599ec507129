/** The internal port: health, metrics, CIM's `/sendMsg`, and by Upgrade the calls of other servers. */
import { isUtf8 } from 'node:buffer';
import type { Server } from 'node:http';
import type { SendService } from '@cim/delivery';
import { CODES, cim, inboxOf, isUserId } from '@cim/protocol';
import {
  clusterKey,
  HTTP_TIMES,
  type HostProblem,
  type Logger,
  type Metrics,
  REQUEST_ID_HEADER,
  requestIds,
  sameSecret,
  SECURITY_HEADERS,
} from '@cim/runtime';
import type { Store } from '@cim/store';
import fastify, { type FastifyError, type FastifyReply, LogController } from 'fastify';

const BODY_BYTES = 64 * 1024;

export interface InternalHttpParts {
  readonly store: Store;
  readonly sends: Pick<SendService, 'sendKeyed'>;
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
}

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
    return { ready: missing.length === 0, missing };
  });
  app.get('/metrics', async (_request, reply) => {
    void reply.type(metrics.contentType);
    return metrics.metrics();
  });
  app.post(
    '/sendMsg',
    {
      // The key is checked before the body is read.
      onRequest: (request, reply, done) => {
        const given = (request.headers.authorization ?? '').replace(/^Bearer /, '');
        if (maySend(given, parts.sendKeys())) done();
        else
          void reply
            .code(401)
            .send(
              answerOf(
                CODES.unknownAccount.code,
                'send the cluster secret, or its key for /sendMsg, as "Authorization: Bearer ..."',
              ),
            );
      },
    },
    (request, reply) => sendMessage(parts, request.body, reply),
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
 * CIM's internal push, for systems that use it. It needs the cluster secret, and its messages are stored like
 * any other.
 */
async function sendMessage(
  { store, sends }: InternalHttpParts,
  body: unknown,
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
