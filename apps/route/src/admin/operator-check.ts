/** Checks the credentials of operators: the admin token, an API key, or the cookie of the page. */
import { CimError } from '@cim/protocol';
import { RareWarning, sameSecret } from '@cim/runtime';
import { ApiKeyCheck, looksLikeApiKey, prefixOf } from '@cim/store';
import type { FastifyRequest } from 'fastify';
import { bearerOf } from '../credentials.ts';
import { requireApiKey } from '../identity/api-keys.ts';
import { NotAuthorized } from '../identity/not-authorized.ts';
import type { RouteParts } from '../route-parts.ts';
import { cookieOf, foreignProblem } from './page/page-requests.ts';
import type { PageSessions } from './page/page-sessions.ts';

export class OperatorCheck {
  readonly #adminToken: string;
  readonly #keys: ApiKeyCheck;
  readonly #refused: RareWarning;
  readonly #sessions: PageSessions;

  constructor({ config, store, logger }: RouteParts, sessions: PageSessions) {
    const unnoted = new RareWarning(logger, 'api-key.use-not-noted');
    this.#adminToken = config.adminToken;
    this.#keys = new ApiKeyCheck(store.apiKeys, (error) => unnoted.due({ err: error }));
    this.#refused = new RareWarning(logger, 'admin.refused');
    this.#sessions = sessions;
  }

  /** Answers the name of the credential that a request shows. @throws {CimError} 401 or 403 */
  async request(request: FastifyRequest): Promise<string> {
    const noted = this.#noting(request);
    const secret = request.headers.authorization === undefined ? cookieOf(request) : '';
    if (secret === '') return noted(this.#nameOf(bearerOf(request)));
    const foreign = foreignProblem(request);
    if (foreign !== undefined) return noted(Promise.reject(new CimError('forbidden', foreign)));
    const credential = this.#sessions.credentialOf(secret);
    // A session that has ended is no attack.
    if (credential === undefined) throw new NotAuthorized('the session of the page has ended; log in again');
    return noted(this.#nameOf(credential));
  }

  /** Answers the name of a credential that a login at the page names. @throws {CimError} 401 or 403 */
  login(request: FastifyRequest, credential: string): Promise<string> {
    return this.#noting(request)(this.#nameOf(credential));
  }

  #noting(request: FastifyRequest): (checked: Promise<string>) => Promise<string> {
    return (checked) =>
      checked.catch((error: unknown) => {
        this.#refused.due({ from: request.clientAddress });
        throw error;
      });
  }

  async #nameOf(credential: string): Promise<string> {
    if (looksLikeApiKey(credential)) {
      const key = await requireApiKey(this.#keys, credential);
      if (key.scopes.includes('admin')) return prefixOf(key);
      throw new CimError('forbidden', 'this API key has not the scope "admin"');
    }
    if (sameSecret(credential, this.#adminToken)) return 'admin-token';
    throw new NotAuthorized(
      'send "Authorization: Bearer <token>" with the token of CIM_ADMIN_TOKEN or an API key of the scope "admin"',
    );
  }
}
