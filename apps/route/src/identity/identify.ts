/**
 * Finds the user for whom a request acts, by its credential (`Authorization: Bearer`): the secret of a
 * session, a token, or an API key. Every path that needs a user calls it.
 */
import { CimError, type DeviceId, isUserId, type NamedUser, type UserId } from '@cim/protocol';
import { RareWarning } from '@cim/runtime';
import { type Account, type ApiKey, ApiKeyCheck, looksLikeApiKey, type Scope, userSubject } from '@cim/store';
import type { FastifyRequest } from 'fastify';
import {
  actProblem,
  bearerOf,
  isFree,
  secretHash,
  sessionOf,
  sessionsCountFrom,
  userOfSecret,
} from '../credentials.ts';
import type { RouteParts } from '../route-parts.ts';
import { Expired, NotAuthorized } from './not-authorized.ts';
import { requireApiKey } from './api-keys.ts';
import type { TokenAccounts } from './token-accounts.ts';
import { looksLikeToken } from './tokens.ts';
import { suspendedError } from '../limits/request-limits.ts';

export interface Actor extends NamedUser {
  /** The session whose secret was shown. Tokens and API keys have none. */
  readonly session?: {
    readonly device: DeviceId;
    /** SHA-256 of that secret, base64url. */
    readonly secretHash: string;
  };
}

/** The header in which an API key names the user that it acts for. */
export const FROM_HEADER = 'x-cim-from';

/**
 * Finds the actor of one act of a request. @param from the user that the act names, by id in decimal; undefined: the
 * request as a whole says for whom it acts. @throws {CimError} as `Identify.actor`
 */
export type ActorOf = (from?: string) => Promise<Actor>;

export class Identify {
  readonly #parts: Pick<RouteParts, 'config' | 'store' | 'messaging'>;
  readonly #tokens: TokenAccounts | undefined;
  readonly #keys: ApiKeyCheck;

  /** @param tokens undefined: this server accepts no tokens */
  constructor(
    parts: Pick<RouteParts, 'config' | 'store' | 'logger' | 'messaging'>,
    tokens: TokenAccounts | undefined,
  ) {
    this.#parts = parts;
    this.#tokens = tokens;
    const unnoted = new RareWarning(parts.logger, 'api-key.use-not-noted');
    this.#keys = new ApiKeyCheck(parts.store.apiKeys, (error) => unnoted.due({ err: error }));
  }

  /**
   * The user that a request acts for.
   * @param scopes an API key needs one of these; []: no API key may do this
   * @throws {CimError} 9100 or 9504, both 401: the request shows no valid credential; 9503: the credential
   * does not allow this
   */
  async actor(request: FastifyRequest, scopes: readonly Scope[]): Promise<Actor> {
    return (await this.actors(request, scopes))();
  }

  /**
   * Checks the credential of a request that may act for several users. Only an API key may act for another
   * user than its own. @throws {CimError} as `actor`
   */
  async actors(request: FastifyRequest, scopes: readonly Scope[]): Promise<ActorOf> {
    const credential = bearerOf(request);
    if (credential === '')
      throw new NotAuthorized('send "Authorization: Bearer <secret>" with the secret of your session');
    if (looksLikeApiKey(credential)) {
      const key = await this.#allowed(credential, scopes);
      return (from) =>
        from === undefined
          ? this.#actorOfKey(key, request.headers[FROM_HEADER], FROM_HEADER)
          : this.#actorOfKey(key, from, 'from');
    }
    const actor =
      this.#tokens !== undefined && looksLikeToken(credential)
        ? await this.#actorOfToken(credential, this.#tokens)
        : await this.#actorOfSession(credential);
    return (from) =>
      from === undefined || from === String(actor.userId)
        ? Promise.resolve(actor)
        : Promise.reject(
            new CimError('forbidden', `this credential acts for the user ${actor.userId} alone`),
          );
  }

  /**
   * Checks a request for information that every holder of a credential may have: names, ids, users online.
   * Under `open` no credential is needed.
   * @throws {CimError} 9100 or 9504, both 401
   */
  async assertKnown(request: FastifyRequest): Promise<void> {
    if (this.#parts.config.auth === 'open') return;
    const credential = bearerOf(request);
    if (looksLikeApiKey(credential)) await requireApiKey(this.#keys, credential);
    else await this.actor(request, []);
  }

  /**
   * The account that a request on CIM's paths names. Under `open` anybody may act for an account without a
   * password.
   * @throws {CimError} 9100: there is no such user, or the request may not act for it; 9503, 9504 as above
   */
  async account(request: FastifyRequest, userId: number, scopes: readonly Scope[]): Promise<Account> {
    const { config, store } = this.#parts;
    const account = await store.accounts.byId(userId as UserId);
    if (account === undefined) throw new CimError('unknownAccount');
    if (isFree(config.auth, account)) {
      this.#assertNotSuspended(userId as UserId);
      return account;
    }
    const credential = bearerOf(request);
    if (looksLikeApiKey(credential)) {
      assertActsAs(await this.#allowed(credential, scopes), account.userId);
      this.#assertNotSuspended(account.userId);
      return account;
    }
    const problem = actProblem(config.auth, account);
    if (problem !== undefined) throw new CimError('unknownAccount', problem);
    if (credential !== '' && (await this.actor(request, scopes)).userId === account.userId) return account;
    throw new CimError(
      'unknownAccount',
      'this account is protected: send "Authorization: Bearer <session>" with the session of its login',
    );
  }

  /** An API key with one of the scopes. @throws {CimError} as `actor` */
  async #allowed(credential: string, scopes: readonly Scope[]): Promise<ApiKey> {
    const key = await requireApiKey(this.#keys, credential);
    if (scopes.some((scope) => key.scopes.includes(scope))) return key;
    throw new CimError(
      'forbidden',
      scopes.length === 0
        ? 'no API key may do this'
        : `this API key has not the scope "${scopes.join('" or "')}"`,
    );
  }

  /** @param field names the user in the request */
  async #actorOfKey(key: ApiKey, named: string | string[] | undefined, field: string): Promise<Actor> {
    const userId = named === undefined ? key.user : Number(named);
    if (userId === undefined)
      throw new CimError(
        'invalid',
        `this API key acts for any user: name one by "${FROM_HEADER}: <user id>"`,
      );
    if (!isUserId(userId)) throw new CimError('invalid', `${field} must be a user id`);
    assertActsAs(key, userId);
    const account = await this.#parts.store.accounts.byId(userId);
    if (account === undefined) throw new CimError('unknownAccount', `${field}: there is no such user`);
    this.#assertNotSuspended(userId);
    return { userId, userName: account.userName };
  }

  async #actorOfToken(token: string, tokens: TokenAccounts): Promise<Actor> {
    const { userId, userName } = (await tokens.account(token)).account;
    this.#assertNotSuspended(userId);
    return { userId, userName };
  }

  /**
   * Called after the proof of a credential, since a request lengthens a suspension. @throws {CimError} 9500:
   * the user is suspended
   */
  #assertNotSuspended(user: UserId): void {
    const suspendedMs = this.#parts.messaging.suspensions.ask(userSubject(user));
    if (suspendedMs > 0) throw suspendedError(suspendedMs);
  }

  async #actorOfSession(secret: string): Promise<Actor> {
    const userId = userOfSecret(secret);
    const { store, config } = this.#parts;
    const session =
      userId === undefined
        ? undefined
        : sessionOf(secret, await store.sessions.find(userId), sessionsCountFrom(config));
    if (session === undefined)
      throw new NotAuthorized('this session secret opens nothing, or no longer; log in again');
    if (session === 'expired') throw new Expired();
    this.#assertNotSuspended(session.userId);
    if (config.auth !== 'open') {
      const problem = actProblem(config.auth, await store.accounts.byId(session.userId));
      if (problem !== undefined) throw new NotAuthorized(problem);
    }
    const { userName, device } = session;
    return { userId: session.userId, userName, session: { device, secretHash: secretHash(secret) } };
  }
}

/** @throws {CimError} 9503 */
function assertActsAs({ user }: ApiKey, userId: UserId): void {
  if (user !== undefined && user !== userId)
    throw new CimError('forbidden', `this API key acts for the user ${user} alone`);
}
