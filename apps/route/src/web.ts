/** The web chat: the files of `dist/web` at `/`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { Member } from '@cim/discovery';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RouteParts } from './route-parts.ts';

const INDEX = 'index.html';
/** Where the files lie, seen from a program in `dist/`, from a part of it in `dist/parts/`, and from the sources. */
const FOLDERS = ['./web/', '../web/', '../../../dist/web/'];
/** In the page: replaced by what a login needs (`CIM_AUTH`). */
const AUTH = '{{auth}}';

/**
 * Serves the page and its files. The page may open WebSockets to the im-servers that are there when it is loaded, and asks
 * nobody else.
 * @throws {Error} one line, when the web chat was not built
 */
export async function addWeb(
  app: FastifyInstance,
  parts: Pick<RouteParts, 'config' | 'membership'>,
): Promise<void> {
  const { config, membership } = parts;
  const root = FOLDERS.map((folder) => fileURLToPath(new URL(folder, import.meta.url))).find((folder) =>
    existsSync(join(folder, INDEX)),
  );
  if (root === undefined)
    throw new Error('the web chat was not built; run: npm run build (or set CIM_WEB=false)');
  const page = readFileSync(join(root, INDEX), 'utf8').replace(AUTH, config.auth);
  const policy = ({ host }: FastifyRequest): string =>
    webPolicy(host, config.advertiseUrl, membership.members());
  const show = (request: FastifyRequest, reply: FastifyReply): void => {
    void reply.header('content-security-policy', policy(request)).type('text/html; charset=utf-8').send(page);
  };
  const schema = { hide: true };
  app.get('/', { schema }, show);
  app.get(`/${INDEX}`, { schema }, show);
  await app.register(fastifyStatic, {
    root,
    wildcard: false,
    index: false,
    preCompressed: true,
    globIgnore: ['**/*.map', '**/*.gz', `**/${INDEX}`],
    // A browser asks whether a file has changed each time, so that a page and its script are of one version.
    cacheControl: false,
    setHeaders: (reply, path) => {
      reply.header('cache-control', 'no-cache');
      // The policy of the service worker is that of its script: it asks for the files of the page.
      if (path.includes('worker.js'))
        reply.header('content-security-policy', "default-src 'none'; connect-src 'self'");
    },
  });
}

/** Where the page may connect to: the host that it came from at any port, the shared address, and im-servers elsewhere. */
export function webPolicy(
  host: string,
  advertiseUrl: string,
  members: readonly Pick<Member, 'host'>[],
): string {
  const own = host.replace(/:\d*$/, '');
  const hosts = [
    own,
    ...members.map((member) => (member.host.includes(':') ? `[${member.host}]` : member.host)),
  ];
  const sockets = [...new Set(hosts)]
    .filter((one) => /^[\w.:[\]-]+$/.test(one))
    .flatMap((one) => [`ws://${one}:*`, `wss://${one}:*`]);
  if (/^wss?:/.test(advertiseUrl)) sockets.push(new URL(advertiseUrl).origin);
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "manifest-src 'self'",
    "worker-src 'self'",
    ["connect-src 'self'", ...sockets].join(' '),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    // Nothing of the page makes HTML or scripts from texts: the browser would refuse it.
    "require-trusted-types-for 'script'",
    'trusted-types worker',
  ].join('; ');
}
