/** The operators' page: its files, and `/admin/session`, where an operator logs in to it and out of it. */
import { CimError } from '@cim/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { NotAuthorized } from '../../identity/not-authorized.ts';
import type { Audited } from '../audited.ts';
import { addPageFiles } from './page-files.ts';
import { cookieOf, foreignProblem, setCookie } from './page-requests.ts';
import type { PageSessions } from './page-sessions.ts';

const TOKEN_CHARACTERS = 1_024;

export interface PageParts {
  readonly sessions: PageSessions;
  readonly audited: Audited;
  /** Checks a credential and notes whose the request is. @throws {CimError} it opens nothing */
  readonly logIn: (request: FastifyRequest, credential: string) => Promise<void>;
  /** Whether the port speaks TLS. */
  readonly secure: boolean;
}

export async function addPage(app: FastifyInstance, parts: PageParts): Promise<void> {
  const { sessions, audited, logIn, secure } = parts;
  await addPageFiles(app);
  const schema = { hide: true };
  app.post('/session', { schema }, async (request, reply) => {
    assertOwn(request);
    const token = tokenOf(request.body);
    await logIn(request, token);
    await audited(request, 'page.login', 'page', () => {
      sessions.end(cookieOf(request));
      void reply.header('set-cookie', setCookie(request, sessions.begin(token), secure));
      return Promise.resolve();
    });
    return reply.code(204).send();
  });
  app.delete('/session', { schema }, async (request, reply) => {
    assertOwn(request);
    const credential = sessions.credentialOf(cookieOf(request));
    void reply.header('set-cookie', setCookie(request, '', secure));
    if (credential !== undefined) {
      // The session ends also when its credential counts no more; then the log names no actor.
      await logIn(request, credential).catch(() => undefined);
      await audited(request, 'page.logout', 'page', () => Promise.resolve(sessions.end(cookieOf(request))));
    }
    return reply.code(204).send();
  });
}

/** @throws {CimError} 9503 */
function assertOwn(request: FastifyRequest): void {
  const problem = foreignProblem(request);
  if (problem !== undefined) throw new CimError('forbidden', problem);
}

/** @throws {CimError} 3000, or 401 for a token that cannot be one */
function tokenOf(body: unknown): string {
  const { token } = (body ?? {}) as Record<string, unknown>;
  if (typeof token !== 'string') throw new CimError('invalid', 'token must be a text');
  if (token.length > TOKEN_CHARACTERS) throw new NotAuthorized('this is not the token of CIM_ADMIN_TOKEN');
  return token;
}
