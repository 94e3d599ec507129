/** CIM's answer to everything, and how an error becomes one. */
import { CimError, CODES } from '@cim/protocol';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';

export interface Answer {
  readonly code: string;
  readonly message: string;
  readonly reqNo: string | null;
  readonly dataBody: unknown;
}

export function reqNoOf(request: FastifyRequest): string | null {
  const body = request.body;
  if (typeof body !== 'object' || body === null || !('reqNo' in body)) return null;
  // CIM's reader makes a text of a number.
  return typeof body.reqNo === 'string' || typeof body.reqNo === 'number' ? String(body.reqNo) : null;
}

export const success = (request: FastifyRequest, dataBody: unknown = null): Answer => ({
  // Not spread: a copy of an object is slow to grow.
  code: CODES.success.code,
  message: CODES.success.message,
  reqNo: reqNoOf(request),
  dataBody,
});

/** A refusal that is no failure of ours: HTTP 200, as CIM's clients expect. */
export const refusal = (request: FastifyRequest, code: string, message: string): Answer => ({
  code,
  message,
  reqNo: reqNoOf(request),
  dataBody: null,
});

/** Not stored, or too much at once: 503, which makes an HTTP library wait and repeat. */
export function unavailable(
  request: FastifyRequest,
  reply: FastifyReply,
  code: string,
  message: string,
): Answer {
  void reply.code(503).header('retry-after', '1');
  return refusal(request, code, message);
}

/** What went wrong with a request, in words that say what to do about it. */
function problemOf(error: FastifyError): string | undefined {
  const [first] = error.validation ?? [];
  if (first !== undefined) {
    const missing = first.params as { requiredProperties?: string[]; missingProperty?: string };
    const field =
      missing.requiredProperties?.[0] ??
      missing.missingProperty ??
      first.instancePath.replace(/^\//, '').split('/')[0];
    if (first.keyword === 'required') return `${field ?? 'a field'} is missing`;
    if (field === undefined || field === '') return 'the body must be a JSON object';
    const { allowedValues } = first.params as { allowedValues?: string[] };
    if (allowedValues !== undefined) return `${field} must be ${allowedValues.join(' or ')}`;
    return `${field} ${first.message ?? 'is wrong'}`;
  }
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return 'the body is not JSON';
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
    if (!error.retryable) return refuse(request, reply, error.code, error.message);
    if (error.code === CODES.noServer.code) return refuse(request, reply, error.code, error.message);
    if (error.code === CODES.failure.code) request.log.warn({ err: error }, 'request.failed');
    return unavailable(request, reply, error.code, error.message);
  }
  const problem = problemOf(error);
  if (problem !== undefined) return refuse(request, reply, CODES.invalid.code, problem);
  request.log.error({ err: error }, 'request.failed');
  return unavailable(request, reply, CODES.failure.code, CODES.failure.message);
}

function refuse(request: FastifyRequest, reply: FastifyReply, code: string, message: string): Answer {
  void reply.code(200);
  return refusal(request, code, message);
}
