/** What the paths of `/v1` ask of a caller's credential, before a body is read. */
import type { FastifyRequest } from 'fastify';
import type { Actor, Identify } from '../identity/identify.ts';

export class Bearer {
  readonly #identify: Identify;
  /** Key: a request under way whose credential counts. */
  readonly #actors = new WeakMap<FastifyRequest, Actor>();

  constructor(identify: Identify) {
    this.#identify = identify;
  }

  /** An `onRequest`: the request acts for a user. */
  readonly check = async (request: FastifyRequest): Promise<void> => {
    this.#actors.set(request, await this.#identify.actor(request));
  };

  /** An `onRequest`: the request asks what everybody with a credential may know. */
  readonly known = (request: FastifyRequest): Promise<void> => this.#identify.assertKnown(request);

  /** Of a request of a route that has `check`. */
  actor(request: FastifyRequest): Actor {
    const actor = this.#actors.get(request);
    if (actor === undefined) throw new Error(`${request.url} does not check who asks`);
    return actor;
  }
}
