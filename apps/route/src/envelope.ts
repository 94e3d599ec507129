/** CIM's envelope of all answers, and how errors are put into it. */
import { CimError, CODES } from '@cim/protocol';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';

/** Code of the error for a body that is not UTF-8. */
export const NOT_UTF8 = 'CIM_NOT_UTF8';

export interface Answer {
  readonly code: string;
  readonly message: string;
  readonly reqNo: string | null;
  readonly dataBody: unknown;
}

export function reqNoOf(request: FastifyRequest): string | null {
  const body = request.body;
  if (typeof body !== 'object' || body === null || !('reqNo' in body)) return null;
  // CIM's reader turns a number into a text.
  return typeof body.reqNo === 'string' || typeof body.reqNo === 'number' ? String(body.reqNo) : null;
}

export const success = (request: FastifyRequest, dataBody: unknown = null): Answer => ({
  // Written without a spread, which is slow.
  code: CODES.success.code,
  message: CODES.success.message,
  reqNo: reqNoOf(request),
  dataBody,
});

/** An answer with an error code. It does not set the HTTP status. */
export const refusal = (request: FastifyRequest, code: string, message: string): Answer => ({
  code,
  message,
  reqNo: reqNoOf(request),
  dataBody: null,
});

/** On these paths CIM's client takes every HTTP 200 for "sent", unless the code is 7000. */
const SEND_PATHS: readonly (string | undefined)[] = ['/p2pRoute', '/groupRoute'];

/**
 * A refusal that is not a failure of the server: HTTP 400 for a send, 200 otherwise, as CIM's clients expect.
 */
export function refuse(request: FastifyRequest, reply: FastifyReply, code: string, message: string): Answer {
  const isSend = SEND_PATHS.includes(request.routeOptions.url);
  void reply.code(isSend ? 400 : 200);
  return refusal(request, code, message);
}

/** The answer for an unknown path: HTTP 404 in the envelope. */
export function unknownPath(request: FastifyRequest, reply: FastifyReply, message: string): Answer {
  void reply.code(404);
  return refusal(request, CODES.invalid.code, message);
}

/**
 * The answer for a message that is not stored, or for too many requests: HTTP 503, after which HTTP libraries
 * wait and repeat.
 */
export function unavailable(
  request: FastifyRequest,
  reply: FastifyReply,
  code: string,
  message: string,
  retryAfterMs = 0,
): Answer {
  void reply.code(503).header('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1_000))));
  return refusal(request, code, message);
}

/**
 * In words that say what to do, what was wrong with a request; undefined when the error is in the server.
 * @param fieldOf the name of a field by its path in the request, `/to/user`
 */
export function problemOf(
  error: FastifyError,
  fieldOf: (path: string) => string | undefined = (path) => path.replace(/^\//, '').split('/')[0],
): string | undefined {
  const [first] = error.validation ?? [];
  if (first !== undefined) {
    const missing = first.params as { requiredProperties?: string[]; missingProperty?: string };
    const field = missing.requiredProperties?.[0] ?? missing.missingProperty ?? fieldOf(first.instancePath);
    if (first.keyword === 'required') return `${field ?? 'a field'} is missing`;
    if (field === undefined || field === '') return 'the body must be a JSON object';
    const { allowedValues } = first.params as { allowedValues?: string[] };
    if (allowedValues !== undefined) return `${field} must be ${allowedValues.join(' or ')}`;
    return `${field} ${first.message ?? 'is wrong'}`;
  }
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return 'the body is not JSON';
    case NOT_UTF8:
      return 'the body is not UTF-8';
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return 'the body is empty; send a JSON object';
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return 'the body is longer than 256 KiB';
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return 'the body must be JSON; send "Content-Type: application/json"';
    default:
      return error.statusCode !== undefined && error.statusCode < 500 ? error.message : undefined;
  }
}

export function answerError(
  error: FastifyError | CimError,
  request: FastifyRequest,
  reply: FastifyReply,
): Answer {
  if (error instanceof CimError) {
    if (error.code === CODES.suspended.code)
      void reply.header('retry-after', String(Math.max(1, Math.ceil(error.retryAfterMs / 1_000))));
    if (!error.retryable) return refuse(request, reply, error.code, error.message);
    if (error.code === CODES.noServer.code) return refuse(request, reply, error.code, error.message);
    if (error.code === CODES.failure.code) request.log.warn({ err: error }, 'request.failed');
    return unavailable(request, reply, error.code, error.message, error.retryAfterMs);
  }
  const problem = problemOf(error);
  if (problem !== undefined) return refuse(request, reply, CODES.invalid.code, problem);
  request.log.error({ err: error }, 'request.failed');
  return unavailable(request, reply, CODES.failure.code, CODES.failure.message);
}
