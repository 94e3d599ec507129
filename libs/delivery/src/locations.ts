import type { UserId } from '@cim/protocol';
import type { SessionAt, Sessions } from '@cim/store';
import { LRUCache } from 'lru-cache';

/** A location is believed for at most this long, in ms. */
const BELIEVED_MS = 3_000;

type Done = (at: SessionAt | undefined) => void;

interface Known {
  readonly at: SessionAt;
  /** ms, of performance.now(). */
  readonly believedUntil: number;
}

/**
 * Where users are, from the store, remembered for a short while. That somebody is offline is never remembered:
 * they would miss pushes after a login. Those who ask while a look-up is under way share its answer, but for
 * `offline`: the user may have logged in since, so one more look-up answers them all.
 */
export class Locations {
  readonly #sessions: Pick<Sessions, 'locate'>;
  /** Those that are not believed any more tell who is worth a look-up ahead of time. */
  readonly #known = new LRUCache<UserId, Known>({ max: 100_000 });
  /** Key: user. Removed when the look-up ends. */
  readonly #asked = new Map<UserId, { readonly first: Done[]; readonly later: Done[] }>();

  constructor(sessions: Pick<Sessions, 'locate'>) {
    this.#sessions = sessions;
  }

  /** `done` is called at once when the location is known. A store that does not answer counts as offline. */
  find(user: UserId, done: Done): void {
    const known = this.#known.get(user);
    if (known !== undefined && performance.now() < known.believedUntil) {
      done(known.at);
      return;
    }
    const asked = this.#asked.get(user);
    if (asked === undefined) this.#ask(user, [done]);
    else asked.later.push(done);
  }

  /** Somebody will ask soon: looks up a user who was online a while ago. */
  expect(user: UserId): void {
    const known = this.#known.peek(user);
    if (known === undefined || performance.now() < known.believedUntil || this.#asked.has(user)) return;
    this.#ask(user, []);
  }

  forget(user: UserId): void {
    this.#known.delete(user);
  }

  #ask(user: UserId, first: Done[]): void {
    this.#asked.set(user, { first, later: [] });
    this.#sessions.locate(user).then(
      (at) => this.#answer(user, at),
      () => this.#answer(user, undefined),
    );
  }

  #answer(user: UserId, at: SessionAt | undefined): void {
    const { first, later } = this.#asked.get(user) ?? { first: [], later: [] };
    this.#asked.delete(user);
    if (at === undefined) this.#known.delete(user);
    else this.#known.set(user, { at, believedUntil: performance.now() + BELIEVED_MS });
    if (at === undefined && later.length > 0) this.#ask(user, later);
    for (const done of at === undefined ? first : [...first, ...later]) done(at);
  }
}
