/** Lets pages of listed origins use this route (CORS). */
import type { FastifyInstance, FastifyRequest } from 'fastify';

const METHODS = 'GET, POST, PUT, PATCH, DELETE';
const HEADERS = 'authorization, content-type, idempotency-key, x-cim-from';
/** Headers that a page may read besides the body. */
const EXPOSED = 'retry-after, x-cim-more';
/** How long a browser remembers the answer to a preflight request [s]. */
const MAX_AGE_S = 600;

/**
 * The headers that a browser needs to let a page of a listed origin read an answer; none for any other page.
 * Without credentials of the browser: a page shows its session by `Authorization`, and a route sets no
 * cookies.
 */
export function originHeaders(
  origin: string | undefined,
  allowed: readonly string[],
): Readonly<Record<string, string>> {
  // Tells caches that answers differ by origin.
  if (allowed.length === 0) return {};
  if (origin === undefined || !allowed.includes(origin)) return { vary: 'origin' };
  return {
    vary: 'origin',
    'access-control-allow-origin': origin,
    'access-control-expose-headers': EXPOSED,
  };
}

const asksFirst = ({ method, headers }: FastifyRequest): boolean =>
  method === 'OPTIONS' &&
  headers.origin !== undefined &&
  headers['access-control-request-method'] !== undefined;

/** Answers preflight requests, by which browsers ask whether a page may make a request. */
export function answerPreflights(app: FastifyInstance, allowed: readonly string[]): void {
  if (allowed.length === 0) return;
  app.addHook('onRequest', (request, reply, done) => {
    if (!asksFirst(request) || !allowed.includes(request.headers.origin ?? '')) done();
    else
      void reply
        .code(204)
        .headers({
          'access-control-allow-methods': METHODS,
          'access-control-allow-headers': HEADERS,
          'access-control-max-age': String(MAX_AGE_S),
        })
        .send();
  });
}
