/** The files of the operators' page, which `npm run build` puts into `dist/admin-page`. Everybody may read them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import { CODES } from '@cim/protocol';
import type { FastifyInstance } from 'fastify';
import { problem } from '../../v1/problems.ts';

const INDEX = 'index.html';
/**
 * Folders of the files, relative to a program in `dist/`, to a part of it in `dist/parts/`, and to the
 * sources.
 */
const FOLDERS = ['./admin-page/', '../admin-page/', '../../../../../dist/admin-page/'];
/** The page runs its own script only, asks its own server only, and never makes HTML from texts. */
const POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"],
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
  ...["require-trusted-types-for 'script'", "trusted-types 'none'"],
].join('; ');

/** Adds `/admin` and the files below `/admin/page/`. */
export async function addPageFiles(app: FastifyInstance): Promise<void> {
  const root = FOLDERS.map((folder) => fileURLToPath(new URL(folder, import.meta.url))).find((folder) =>
    existsSync(join(folder, INDEX)),
  );
  const schema = { hide: true };
  if (root === undefined) {
    app.get('/', { schema }, (_request, reply) =>
      reply.send(
        problem(reply, CODES.invalid.code, "the operators' page was not built; run: npm run build", {
          status: 404,
        }),
      ),
    );
    return;
  }
  const page = readFileSync(join(root, INDEX), 'utf8');
  app.get('/', { schema }, (_request, reply) =>
    reply.header('content-security-policy', POLICY).type('text/html; charset=utf-8').send(page),
  );
  await app.register(fastifyStatic, {
    ...{ root, prefix: '/page/', wildcard: false, index: false, preCompressed: true, cacheControl: false },
    decorateReply: false,
    globIgnore: ['**/*.map', '**/*.gz', `**/${INDEX}`],
    // The browser asks each time whether a file has changed, so that page and script have the same version.
    setHeaders: (reply) => {
      reply.header('cache-control', 'no-cache');
    },
  });
}
