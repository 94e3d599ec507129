/** The errors of `/v1`: problem details (RFC 9457), with CIM's code and a proper HTTP status. */
import { CimError, CODES, type Code } from '@cim/protocol';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { problemOf } from '../envelope.ts';
import { NotAuthorized } from '../identity/not-authorized.ts';
import { PATTERNS } from './shapes.ts';

/** HTTP status of each code. docs/http.md has the same table; a test compares them. */
export const STATUSES: Readonly<Record<Code, number>> = {
  '9000': 200,
  '3000': 400,
  '4000': 503,
  '5000': 409,
  '6000': 429,
  // `/v1` never answers 7000: the message is stored, and `online` is false.
  '7000': 409,
  '7100': 503,
  '9100': 404,
  '9200': 404,
  '9201': 403,
  '9202': 403,
  '9203': 403,
  '9204': 409,
  '9205': 409,
  '9300': 404,
  '9301': 409,
  '9400': 400,
  '9401': 404,
  '9402': 403,
  '9403': 409,
  '9404': 400,
  '9405': 400,
  '9500': 403,
  '9501': 403,
  '9502': 429,
  '9503': 403,
  '9504': 401,
  '9505': 409,
  '9506': 409,
  '9507': 400,
  '9508': 409,
  // Only /admin answers this code.
  '9515': 404,
  '9530': 404,
  '9535': 403,
  '9536': 403,
  '9537': 403,
  '9538': 404,
  '9539': 403,
  // Only the SDK uses these codes, for problems on the way to a server.
  '9520': 502,
  '9521': 502,
};

const TITLES = new Map<string, string>(Object.values(CODES).map(({ code, message }) => [code, message]));

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Address of the client, as trusted proxies tell it. Read once, since Node forgets it when the connection
     * ends.
     */
    clientAddress: string;
  }
  interface FastifyReply {
    /** The code that an answer of `/v1` is counted under: 9000, or that of its problem. */
    v1Code: Code;
  }
}

/** Changes the errors of a login: a wrong name, id or password is 401, and not the 404 of a missing user. */
export async function asCredentials<T>(login: Promise<T>): Promise<T> {
  try {
    return await login;
  } catch (error) {
    if (error instanceof CimError && error.code === CODES.unknownAccount.code)
      throw new NotAuthorized(error.message);
    throw error;
  }
}

/** Sets the status and headers of the reply, and makes its body. */
export function problem(
  reply: FastifyReply,
  code: Code,
  detail: string,
  { status = STATUSES[code], retryAfterMs = 0 } = {},
): Problem {
  void reply.code(status).type('application/problem+json; charset=utf-8');
  if (status === 401) void reply.header('www-authenticate', 'Bearer realm="cim"');
  if (status === 429 || status === 503 || retryAfterMs > 0)
    void reply.header('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1_000))));
  reply.v1Code = code;
  return { type: `urn:cim:code:${code}`, title: TITLES.get(code) ?? '', status, code, detail };
}

/** The problem for an error that a handler, or fastify before it, has thrown. */
export function errorProblem(
  error: FastifyError | CimError,
  request: FastifyRequest,
  reply: FastifyReply,
): Problem {
  if (error instanceof CimError) {
    const { code } = error;
    if (code === CODES.failure.code) request.log.warn({ err: error }, 'request.failed');
    if (error instanceof NotAuthorized) return problem(reply, code, error.message, { status: 401 });
    return problem(reply, code, error.message, { retryAfterMs: error.retryAfterMs });
  }
  const detail = patternProblem(error) ?? problemOf(error, fieldOf);
  if (detail !== undefined)
    return problem(reply, CODES.invalid.code, detail, { status: error.statusCode ?? 400 });
  request.log.error({ err: error }, 'request.failed');
  return problem(reply, CODES.failure.code, CODES.failure.message);
}

/** What is wrong with the shape of a part of a request, in one line. @param validation the errors of its check */
export const shapeProblem = (validation: NonNullable<FastifyError['validation']>): string => {
  const error = { validation } as FastifyError;
  return patternProblem(error) ?? problemOf(error, fieldOf) ?? 'is wrong';
};

/** The problem for an id of the wrong form. */
function patternProblem({ validation }: FastifyError): string | undefined {
  const [first] = validation ?? [];
  if (first?.keyword !== 'pattern') return undefined;
  const meaning = Object.values(PATTERNS).find(([pattern]) => pattern === String(first.params['pattern']));
  return meaning && `${fieldOf(first.instancePath)} must be ${meaning[1]}`;
}

/** The name of a field, such as `to.user` for the path `/to/user`. */
const fieldOf = (path: string): string => path.replace(/^\//, '').replaceAll('/', '.');
