/** Who a request to `/v1` acts for: the holder of the session whose secret it shows. */
import type { DeviceId, NamedUser } from '@cim/protocol';
import type { FastifyRequest } from 'fastify';
import { bearerOf, secretHash, sessionOf, userOfSecret } from '../credentials.ts';
import type { RouteParts } from '../route-parts.ts';
import { NotAuthorized } from './problems.ts';

export interface Actor extends NamedUser {
  readonly device: DeviceId;
  /** SHA-256 of the secret that it showed, base64url. */
  readonly secretHash: string;
}

export class Bearer {
  readonly #parts: Pick<RouteParts, 'config' | 'store'>;
  /** Key: a request under way whose secret counts. */
  readonly #actors = new WeakMap<FastifyRequest, Actor>();

  constructor(parts: Pick<RouteParts, 'config' | 'store'>) {
    this.#parts = parts;
  }

  /** A route's `onRequest`: a request that may not act is answered before its body is read. */
  readonly check = async (request: FastifyRequest): Promise<void> => {
    this.#actors.set(request, await this.#actorOf(bearerOf(request)));
  };

  /** Of a request of a route that has `check`. */
  actor(request: FastifyRequest): Actor {
    const actor = this.#actors.get(request);
    if (actor === undefined) throw new Error(`${request.url} does not check who asks`);
    return actor;
  }

  async #actorOf(secret: string): Promise<Actor> {
    if (secret === '')
      throw new NotAuthorized('send "Authorization: Bearer <secret>" with the secret of your session');
    const userId = userOfSecret(secret);
    const { store, config } = this.#parts;
    const session = userId === undefined ? undefined : sessionOf(secret, await store.sessions.find(userId));
    if (session === undefined)
      throw new NotAuthorized('this session secret opens nothing, or no longer; log in again');
    if (config.auth === 'password') {
      const account = await store.accounts.byId(session.userId);
      if (account?.passwordHash === undefined)
        throw new NotAuthorized('accounts without a password may not act on this server');
    }
    const { userName, device } = session;
    return { userId: session.userId, userName, device, secretHash: secretHash(secret) };
  }
}
