/**
 * Who a request acts for, by the credential that it shows as `Authorization: Bearer`. Every path that asks who somebody is
 * asks here.
 */
import type { DeviceId, NamedUser } from '@cim/protocol';
import type { FastifyRequest } from 'fastify';
import { bearerOf, secretHash, sessionOf, sessionsCountFrom, userOfSecret } from '../credentials.ts';
import type { RouteParts } from '../route-parts.ts';
import { Expired, NotAuthorized } from '../v1/problems.ts';

export interface Actor extends NamedUser {
  /** The session whose secret was shown. */
  readonly session: {
    readonly device: DeviceId;
    /** SHA-256 of that secret, base64url. */
    readonly secretHash: string;
  };
}

export class Identify {
  readonly #parts: Pick<RouteParts, 'config' | 'store'>;

  constructor(parts: Pick<RouteParts, 'config' | 'store'>) {
    this.#parts = parts;
  }

  /** @throws {CimError} 9100 or 9504, both 401: it shows no credential that counts */
  async actor(request: FastifyRequest): Promise<Actor> {
    const secret = bearerOf(request);
    if (secret === '')
      throw new NotAuthorized('send "Authorization: Bearer <secret>" with the secret of your session');
    const userId = userOfSecret(secret);
    const { store, config } = this.#parts;
    const session =
      userId === undefined
        ? undefined
        : sessionOf(secret, await store.sessions.find(userId), sessionsCountFrom(config));
    if (session === undefined)
      throw new NotAuthorized('this session secret opens nothing, or no longer; log in again');
    if (session === 'expired') throw new Expired();
    if (config.auth === 'password') {
      const account = await store.accounts.byId(session.userId);
      if (account?.passwordHash === undefined)
        throw new NotAuthorized('accounts without a password may not act on this server');
    }
    const { userName, device } = session;
    return { userId: session.userId, userName, session: { device, secretHash: secretHash(secret) } };
  }

  /**
   * For what everybody with a credential may ask: names, ids, who is online. Under `open` nobody has to show one.
   * @throws {CimError} 9100 or 9504, both 401
   */
  async assertKnown(request: FastifyRequest): Promise<void> {
    if (this.#parts.config.auth !== 'open') await this.actor(request);
  }
}
