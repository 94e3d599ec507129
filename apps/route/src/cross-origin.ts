/** Pages of other origins that may ask this route (CORS). */
import type { FastifyInstance, FastifyRequest } from 'fastify';

const METHODS = 'GET, POST, PUT, PATCH, DELETE';
const HEADERS = 'authorization, content-type, idempotency-key, x-cim-from';
/** What a page may read beside the body. */
const EXPOSED = 'retry-after, x-cim-more';
/** How long a browser remembers what it was allowed [s]. */
const MAX_AGE_S = 600;

/**
 * What a browser needs to let a page of a listed origin read an answer; nothing for any other page. No credentials: a page shows its
 * session by `Authorization`, and a route sets no cookies.
 */
export function originHeaders(
  origin: string | undefined,
  allowed: readonly string[],
): Readonly<Record<string, string>> {
  // Answers differ by origin, for caches.
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

/** Answers browsers that ask before a request whether their page may make it. */
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
