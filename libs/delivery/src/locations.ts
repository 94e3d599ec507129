import type { UserId } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { SessionAt, Sessions } from '@cim/store';
import { LRUCache } from 'lru-cache';

/** A location is used for at most this long [ms]. */
export const BELIEVED_MS = 3_000;

/**
 * The devices of a user and their im-servers; empty: the user is offline. `unknown`: the store did not
 * answer.
 */
export type Found = readonly SessionAt[] | 'unknown';

export interface Locating {
  /** Called once. */
  located(found: Found): void;
}

interface Known {
  readonly at: readonly SessionAt[];
  /** When the location becomes too old [ms, performance.now()]. */
  readonly believedUntil: number;
}

/**
 * Locates users. The store tells, and a location is remembered for a short while. "Offline" and "unknown" are
 * never remembered, since the user would miss pushes after a login. Calls during a look-up share its answer,
 * unless the answer is "offline": a login may have come since, so one more look-up answers them all.
 */
export class Locations {
  readonly #sessions: Pick<Sessions, 'locate'>;
  readonly #logger: Logger;
  /**
   * Key: user. Removed by size only. A location that is too old still shows that a look-up in advance is
   * worthwhile.
   */
  readonly #known = new LRUCache<UserId, Known>({ max: 100_000 });
  /** Key: user. Removed when the look-up ends. */
  readonly #asked = new Map<UserId, { readonly first: Locating[]; readonly later: Locating[] }>();

  constructor(sessions: Pick<Sessions, 'locate'>, logger: Logger) {
    this.#sessions = sessions;
    this.#logger = logger;
  }

  /** Locates a user. `asker.located` is called within this call when the location is remembered. */
  find(user: UserId, asker: Locating): void {
    const known = this.#known.get(user);
    if (known !== undefined && performance.now() < known.believedUntil) {
      asker.located(known.at);
      return;
    }
    const asked = this.#asked.get(user);
    if (asked === undefined) this.#ask(user, [asker]);
    else asked.later.push(asker);
  }

  /** Starts the look-up of a user who was online a while ago, because `find` will be called soon. */
  expect(user: UserId): void {
    const known = this.#known.peek(user);
    if (known === undefined || performance.now() < known.believedUntil || this.#asked.has(user)) return;
    this.#ask(user, []);
  }

  forget(user: UserId): void {
    this.#known.delete(user);
  }

  #ask(user: UserId, first: Locating[]): void {
    this.#asked.set(user, { first, later: [] });
    this.#sessions.locate(user).then(
      (at) => this.#answer(user, at),
      () => this.#answer(user, 'unknown'),
    );
  }

  #answer(user: UserId, found: Found): void {
    const { first, later } = this.#asked.get(user) ?? { first: [], later: [] };
    this.#asked.delete(user);
    const isOffline = found.length === 0;
    if (isOffline) this.#known.delete(user);
    else if (found !== 'unknown')
      this.#known.set(user, { at: found, believedUntil: performance.now() + BELIEVED_MS });
    const askAgain = isOffline && later.length > 0;
    if (askAgain) this.#ask(user, later);
    for (const asker of askAgain ? first : [...first, ...later]) {
      try {
        asker.located(found);
      } catch (error) {
        // An asker that throws must not keep the others waiting.
        this.#logger.error({ err: error }, 'delivery.callback-failed');
      }
    }
  }
}
