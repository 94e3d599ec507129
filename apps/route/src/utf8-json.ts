/** JSON bodies, read as bytes first: a text decoder would silently replace bytes that are not UTF-8. */
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { NOT_UTF8 } from './envelope.ts';

/** Replaces fastify's JSON parser by one that refuses a body that is not UTF-8. */
export function acceptUtf8Json(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (!isUtf8(body)) {
      done(Object.assign(new Error('the body is not UTF-8'), { code: NOT_UTF8, statusCode: 400 }));
      return;
    }
    // Fastify's parser answers only by its callback.
    void parse(request, body.toString('utf8'), done);
  });
}
