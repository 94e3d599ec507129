/** The internal port: health, metrics, CIM's `/sendMsg`, and by Upgrade the calls of other servers. */
import { isUtf8 } from 'node:buffer';
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Dispatcher } from '@cim/delivery';
import { CODES, type Code, cim, inboxOf, isUserId, type ProducerId, textsProblem } from '@cim/protocol';
import { clusterKey, type HostProblem, type Metrics, randomText } from '@cim/runtime';
import type { Store } from '@cim/store';

const BODY_BYTES = 64 * 1024;

export interface InternalHttpParts {
  readonly store: Store;
  readonly dispatcher: Dispatcher;
  readonly metrics: Metrics;
  /** Of `/sendMsg`, derived from the cluster secret. */
  readonly sendKey: string;
  /** Which names a request may call this server by. */
  readonly hostProblem: HostProblem;
  /** What is not ready, in words; [] when the server may be used. */
  readonly missing: () => readonly string[];
}

export function createInternalHttp(parts: InternalHttpParts): Server {
  const server = createServer((request, response) => {
    handle(parts, request, response).catch((error: unknown) => {
      answer(
        response,
        503,
        CODES.failure.code,
        error instanceof Error ? error.message : CODES.failure.message,
      );
    });
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  return server;
}

async function handle(
  parts: InternalHttpParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const wrongHost = parts.hostProblem(request.headers.host);
  if (wrongHost !== undefined) return answer(response, 403, CODES.invalid.code, wrongHost);
  const path = (request.url ?? '/').split('?')[0];
  switch (`${request.method ?? ''} ${path ?? ''}`) {
    case 'GET /healthz':
      return json(response, 200, { status: 'ok' });
    case 'GET /readyz': {
      const missing = [...parts.missing()];
      await parts.store.ping().catch((error: unknown) => missing.push(`store: ${String(error)}`));
      return json(response, missing.length === 0 ? 200 : 503, { ready: missing.length === 0, missing });
    }
    case 'GET /metrics':
      response
        .writeHead(200, { 'content-type': parts.metrics.contentType })
        .end(await parts.metrics.metrics());
      return;
    case 'POST /sendMsg':
      return sendMessage(parts, request, response);
    default:
      return answer(
        response,
        404,
        CODES.invalid.code,
        `there is no ${request.method ?? ''} ${path ?? ''} here`,
      );
  }
}

/** CIM's internal push, for those who built on it: with the cluster secret, and stored like any other message. */
async function sendMessage(
  parts: InternalHttpParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const given = (request.headers.authorization ?? '').replace(/^Bearer /, '');
  const key = parts.sendKey;
  // The key alone is enough, so that a caller need not hold the secret that everything else depends on.
  if (!sameSecret(given, key) && !sameSecret(clusterKey(given, 'send-msg'), key))
    return answer(
      response,
      401,
      CODES.unknownAccount.code,
      'send the cluster secret, or its key for /sendMsg, as "Authorization: Bearer ..."',
    );
  const body = await readBody(request);
  if (body === undefined)
    return answer(response, 200, CODES.invalid.code, `the body is longer than ${BODY_BYTES} bytes`);
  if (!isUtf8(body)) return answer(response, 200, CODES.invalid.code, 'the body is not UTF-8');
  let message: Record<string, unknown>;
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    if (typeof parsed !== 'object' || parsed === null) throw new Error('not an object');
    message = parsed as Record<string, unknown>;
  } catch {
    return answer(response, 200, CODES.invalid.code, 'the body is not a JSON object');
  }
  const properties = (message['properties'] ?? {}) as Record<string, unknown>;
  const receiver = message['userId'];
  const senderId = Number(properties['sendUserId']);
  if (!isUserId(receiver))
    return answer(response, 200, CODES.invalid.code, 'userId must be the receiver, a user id');
  if (!isUserId(senderId))
    return answer(response, 200, CODES.invalid.code, 'properties.sendUserId must be the sender, a user id');
  const batch = Array.isArray(message['batchMsg']) ? (message['batchMsg'] as unknown[]) : [];
  const texts = [message['msg'], ...batch].filter((t) => t !== undefined && t !== null);
  if (!texts.every((t) => typeof t === 'string'))
    return answer(response, 200, CODES.invalid.code, 'msg and batchMsg must be texts');
  const problem = textsProblem(texts);
  if (problem !== undefined) return answer(response, 200, CODES.invalid.code, problem);
  const sender = await parts.store.accounts.byId(senderId);
  if (sender === undefined)
    return answer(response, 200, CODES.unknownAccount.code, 'there is no user with the id of the sender');

  const content = cim.Content.encode({ texts: texts }).finish();
  const producer = randomText(24) as ProducerId;
  const request_ = {
    sender,
    stream: inboxOf(receiver),
    producer,
    counter: 0,
    content,
  };
  parts.dispatcher.send(request_, (receipt) => {
    if (receipt.outcome === 'stored') answer(response, 200, CODES.success.code, CODES.success.message);
    else if (receipt.outcome === 'refused') answer(response, 200, receipt.code, receipt.text);
    else answer(response, 503, CODES.failure.code, 'the message is not stored; send it again');
  });
}

/** The body; undefined when it is too long. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function sameSecret(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}

function answer(response: ServerResponse, status: number, code: Code, message: string): void {
  if (status === 503 && !response.headersSent) response.setHeader('retry-after', '1');
  json(response, status, { code, message, reqNo: null, dataBody: null });
}

function json(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}
