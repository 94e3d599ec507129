import type { UserId } from '@cim/protocol';
import type { SessionAt, Sessions } from '@cim/store';
import { LRUCache } from 'lru-cache';

/** A location is believed for at most this long, in ms. */
const BELIEVED_MS = 3_000;

type Done = (at: SessionAt | undefined) => void;

/**
 * Where users are, from the store, remembered for a short while. That somebody is offline is never remembered:
 * they would miss pushes after a login. Reads of one user that meet share one look-up.
 */
export class Locations {
  readonly #sessions: Sessions;
  readonly #known = new LRUCache<UserId, SessionAt>({ max: 100_000, ttl: BELIEVED_MS });
  /** Key: user. Removed when the look-up ends. */
  readonly #asked = new Map<UserId, Done[]>();

  constructor(sessions: Sessions) {
    this.#sessions = sessions;
  }

  /** `done` is called at once when the location is known. A store that does not answer counts as offline. */
  find(user: UserId, done: Done): void {
    const known = this.#known.get(user);
    if (known !== undefined) {
      done(known);
      return;
    }
    const waiting = this.#asked.get(user);
    if (waiting !== undefined) {
      waiting.push(done);
      return;
    }
    this.#asked.set(user, [done]);
    this.#sessions.locate(user).then(
      (at) => this.#answer(user, at),
      () => this.#answer(user, undefined),
    );
  }

  forget(user: UserId): void {
    this.#known.delete(user);
  }

  #answer(user: UserId, at: SessionAt | undefined): void {
    const waiting = this.#asked.get(user) ?? [];
    this.#asked.delete(user);
    if (at !== undefined) this.#known.set(user, at);
    for (const done of waiting) done(at);
  }
}
