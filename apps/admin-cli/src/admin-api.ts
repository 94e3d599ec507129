/** One request to the admin API of a route. */
import { readFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { AdminRequest } from './command.ts';
import type { AdminConfig } from './config.ts';

/** Longest wait for the answer of a route [ms]. */
const ANSWER_MS = 30_000;
/** A port with TLS answers so to a plain request. */
const SPEAKS_TLS = 'this port speaks TLS';
const MOST_BYTES = 64 * 1024 * 1024;

/** The route refused the request, or could not carry it out. */
export class Refused extends Error {}
/** Nothing answered, or something that has no admin API. */
export class NotReachable extends Error {}

/**
 * Sends one request to the admin API.
 * @returns the body of the answer as the API sent it; '' when the answer has none
 * @throws {Refused | NotReachable} one line
 */
export async function askAdmin(
  { routeInternal, adminToken, tlsCa }: AdminConfig,
  asked: AdminRequest,
): Promise<string> {
  const { status, body } = await send(`${routeInternal}/admin${asked.path}`, adminToken, tlsCa, asked);
  if (status >= 200 && status < 300) return body;
  const detail = detailOf(body);
  if (detail === undefined && body.startsWith(SPEAKS_TLS))
    throw new NotReachable(
      `${routeInternal} speaks TLS: give its address with https:// (--route-internal, CIM_ROUTE_INTERNAL)`,
    );
  if (detail === undefined)
    throw new NotReachable(
      `${routeInternal} answers ${status} and has no admin API; give the internal port of a route (CIM_ROUTE_INTERNAL_PORT there)`,
    );
  if (status === 401)
    throw new Refused('the route does not take this token; it must be the CIM_ADMIN_TOKEN of that route');
  throw new Refused(detail);
}

function send(
  url: string,
  token: string,
  caFile: string,
  { method, body }: AdminRequest,
): Promise<{ readonly status: number; readonly body: string }> {
  const isTls = url.startsWith('https:');
  const ca = isTls && caFile !== '' ? { ca: readCa(caFile) } : {};
  // Set explicitly, since an environment variable could turn it off.
  const trust = { ...ca, rejectUnauthorized: true };
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(
        new NotReachable(`${new URL(url).origin} does not answer: ${error.message || 'no reason given'}`),
      );
    const request = (isTls ? tlsRequest : plainRequest)(
      url,
      {
        method,
        ...trust,
        agent: false,
        headers: {
          authorization: `Bearer ${token}`,
          ...(text !== undefined && {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(text),
          }),
        },
      },
      (answer) => {
        let received = '';
        answer.setEncoding('utf8');
        answer.on('data', (part: string) => {
          received += part;
          if (received.length > MOST_BYTES) answer.destroy(new Error('its answer is too long'));
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: received }));
        answer.on('error', fail);
      },
    );
    request.setTimeout(ANSWER_MS, () =>
      request.destroy(new Error(`nothing came within ${ANSWER_MS / 1_000} s`)),
    );
    request.on('error', fail);
    request.end(text);
  });
}

function readCa(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code = 'no reason given' } = error as NodeJS.ErrnoException;
    throw new NotReachable(`the file of CIM_TLS_CA, ${path}, cannot be read (${code})`, { cause: error });
  }
}

/** The detail of problem details; undefined for any other body. */
function detailOf(body: string): string | undefined {
  try {
    const { detail } = JSON.parse(body) as { detail?: unknown };
    return typeof detail === 'string' ? detail : undefined;
  } catch {
    return undefined;
  }
}
