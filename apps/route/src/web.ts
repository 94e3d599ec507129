/** Serves the web chat: the files of `dist/web` at `/`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { Member } from '@cim/discovery';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RouteParts } from './route-parts.ts';

const INDEX = 'index.html';
/**
 * Folders of the files, relative to a program in `dist/`, to a part of it in `dist/parts/`, and to the
 * sources.
 */
const FOLDERS = ['./web/', '../web/', '../../../dist/web/'];
/** Placeholder in the page for the kind of login (`CIM_AUTH`). */
const AUTH = '{{auth}}';

/**
 * Adds the page and its files. The page may open WebSockets to the im-servers that are listed when it loads,
 * and to no others.
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
    // The browser asks each time whether a file has changed, so that the page and its script have the same
    // version.
    cacheControl: false,
    setHeaders: (reply, path) => {
      reply.header('cache-control', 'no-cache');
      // A service worker has the policy of its own script. It fetches the files of the page.
      if (path.includes('worker.js'))
        reply.header('content-security-policy', "default-src 'none'; connect-src 'self'");
    },
  });
}

/**
 * The hosts that the page may connect to: its own host at any port, the shared address, and im-servers
 * elsewhere.
 */
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
    // The page never makes HTML or scripts from texts; the browser would refuse it.
    "require-trusted-types-for 'script'",
    'trusted-types worker',
  ].join('; ');
}
