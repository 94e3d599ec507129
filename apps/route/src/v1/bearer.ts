/** What the paths of `/v1` ask of a caller's credential, before a body is read. */
import type { Scope } from '@cim/store';
import type { FastifyRequest } from 'fastify';
import type { Actor, Identify } from '../identity/identify.ts';

/** What a path asks of an API key, for its documentation too. */
interface ScopedHook {
  (request: FastifyRequest): Promise<void>;
  readonly scopes: readonly Scope[];
}

/** Of a path's `onRequest`; undefined: it has no `acts`. */
export const scopesOf = (hook: unknown): readonly Scope[] | undefined =>
  typeof hook === 'function' && 'scopes' in hook ? (hook as ScopedHook).scopes : undefined;

export class Bearer {
  readonly #identify: Identify;
  /** Key: a request under way whose credential counts. */
  readonly #actors = new WeakMap<FastifyRequest, Actor>();

  constructor(identify: Identify) {
    this.#identify = identify;
  }

  /** An `onRequest`: the request acts for a user. @param scopes of an API key, one of them; none: no API key may */
  acts(...scopes: readonly Scope[]): ScopedHook {
    const hook = async (request: FastifyRequest): Promise<void> => {
      this.#actors.set(request, await this.#identify.actor(request, scopes));
    };
    return Object.assign(hook, { scopes });
  }

  /** An `onRequest`: the request asks what everybody with a credential may know. */
  readonly known = (request: FastifyRequest): Promise<void> => this.#identify.assertKnown(request);

  /** Of a request of a route that has `acts`. */
  actor(request: FastifyRequest): Actor {
    const actor = this.#actors.get(request);
    if (actor === undefined) throw new Error(`${request.url} does not check who asks`);
    return actor;
  }
}
