/** Checks the credential of a request to `/v1` before its body is read. */
import type { Scope } from '@cim/store';
import type { FastifyRequest } from 'fastify';
import type { Actor, ActorOf, Identify } from '../identity/identify.ts';

/** The scopes that a path needs from an API key, also for its documentation. */
interface ScopedHook {
  (request: FastifyRequest): Promise<void>;
  readonly scopes: readonly Scope[];
}

/** The scopes of a path's `onRequest`; undefined: it was not made by `acts`. */
export const scopesOf = (hook: unknown): readonly Scope[] | undefined =>
  typeof hook === 'function' && 'scopes' in hook ? (hook as ScopedHook).scopes : undefined;

export class Bearer {
  readonly #identify: Identify;
  /** Key: a request under way with a valid credential. */
  readonly #actors = new WeakMap<FastifyRequest, Actor>();
  /** The same for a path with `actsForEach`. */
  readonly #actorsOf = new WeakMap<FastifyRequest, ActorOf>();

  constructor(identify: Identify) {
    this.#identify = identify;
  }

  /**
   * Makes an `onRequest` for a path that acts for a user. @param scopes an API key needs one of these; none:
   * no API key may
   */
  acts(...scopes: readonly Scope[]): ScopedHook {
    const hook = async (request: FastifyRequest): Promise<void> => {
      this.#actors.set(request, await this.#identify.actor(request, scopes));
    };
    return Object.assign(hook, { scopes });
  }

  /** As `acts`, for a path whose requests have several acts, each perhaps for another user. */
  actsForEach(...scopes: readonly Scope[]): ScopedHook {
    const hook = async (request: FastifyRequest): Promise<void> => {
      this.#actorsOf.set(request, await this.#identify.actors(request, scopes));
    };
    return Object.assign(hook, { scopes });
  }

  /** An `onRequest` for a path with information that every holder of a credential may have. */
  readonly known = (request: FastifyRequest): Promise<void> => this.#identify.assertKnown(request);

  /** The actor of a request on a path with `acts`. */
  actor(request: FastifyRequest): Actor {
    const actor = this.#actors.get(request);
    if (actor === undefined) throw new Error(`${request.url} does not check who asks`);
    return actor;
  }

  /** Finds the actors of a request on a path with `actsForEach`. */
  actors(request: FastifyRequest): ActorOf {
    const actors = this.#actorsOf.get(request);
    if (actors === undefined) throw new Error(`${request.url} does not check who asks`);
    return actors;
  }
}
