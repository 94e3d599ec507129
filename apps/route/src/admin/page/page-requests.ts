/** Requests of the operators' page: its cookie, and whether the page itself made the request. */
import type { AddressInfo } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { SESSION_S } from './page-sessions.ts';

/** The page sends this header. A page of another origin may not, since no preflight request allows it. */
const PAGE_HEADER = 'x-cim-page';

/** Browsers keep one set of cookies for all ports of a host, so the name holds the port. */
const cookieName = ({ server }: FastifyRequest): string =>
  `cim-admin-${(server.server.address() as AddressInfo | null)?.port ?? 0}`;

/** The secret of the session that the request's cookie names; '' for none. */
export function cookieOf(request: FastifyRequest): string {
  const name = `${cookieName(request)}=`;
  const cookies = (request.headers.cookie ?? '').split(';').map((one) => one.trim());
  return cookies.find((one) => one.startsWith(name))?.slice(name.length) ?? '';
}

/**
 * The header that sets the cookie. No script can read the cookie, and no page of another site makes a browser
 * send it. @param secret '' removes the cookie
 */
export const setCookie = (request: FastifyRequest, secret: string, secure: boolean): string =>
  [
    `${cookieName(request)}=${secret}`,
    ...['Path=/admin', 'HttpOnly', 'SameSite=Strict'],
    `Max-Age=${secret === '' ? 0 : SESSION_S}`,
    ...(secure ? ['Secure'] : []),
  ].join('; ');

/**
 * Why the cookie of a request does not count: another page than ours has made it. Undefined: ours did. Other
 * ports of the same host are the same site to a browser, so SameSite alone is not enough.
 */
export function foreignProblem({ headers }: FastifyRequest): string | undefined {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return `this request comes from another page (${site})`;
  if (headers.origin !== undefined && hostOf(headers.origin) !== headers.host)
    return 'this request comes from a page of another origin';
  if (headers[PAGE_HEADER] === undefined) return `a request with the cookie needs the header ${PAGE_HEADER}`;
  return undefined;
}

const hostOf = (origin: string): string | undefined =>
  URL.canParse(origin) ? new URL(origin).host : undefined;
