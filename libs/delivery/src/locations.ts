import type { UserId } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { SessionAt, Sessions } from '@cim/store';
import { LRUCache } from 'lru-cache';
import { serveEach } from './serve-each.ts';

/** A location is believed for at most this long, in ms. */
const BELIEVED_MS = 3_000;

/** `unknown`: the store did not answer. */
export type Found = SessionAt | 'offline' | 'unknown';
type Done = (found: Found) => void;

interface Known {
  readonly at: SessionAt;
  /** ms, of performance.now(). */
  readonly believedUntil: number;
}

/**
 * Where users are. The store tells, and a location is remembered for a short while. `offline` and `unknown` are never
 * remembered: the user would miss pushes after a login. Calls that come while a look-up is under way share its answer,
 * except `offline`: the user may have logged in since, so that one more look-up answers them all.
 */
export class Locations {
  readonly #sessions: Pick<Sessions, 'locate'>;
  readonly #logger: Logger;
  /** A location that is not believed any more tells that the user is worth a look-up ahead of time. */
  readonly #known = new LRUCache<UserId, Known>({ max: 100_000 });
  /** Key: user. Removed when the look-up ends. */
  readonly #asked = new Map<UserId, { readonly first: Done[]; readonly later: Done[] }>();

  constructor(sessions: Pick<Sessions, 'locate'>, logger: Logger) {
    this.#sessions = sessions;
    this.#logger = logger;
  }

  /** `done` is called at once when the location is remembered. */
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

  /** Looks up a user who was online a while ago, because `find` will be called soon. */
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
      (at) => this.#answer(user, at ?? 'offline'),
      () => this.#answer(user, 'unknown'),
    );
  }

  #answer(user: UserId, found: Found): void {
    const { first, later } = this.#asked.get(user) ?? { first: [], later: [] };
    this.#asked.delete(user);
    if (found === 'offline') this.#known.delete(user);
    else if (found !== 'unknown')
      this.#known.set(user, { at: found, believedUntil: performance.now() + BELIEVED_MS });
    const askAgain = found === 'offline' && later.length > 0;
    if (askAgain) this.#ask(user, later);
    serveEach(askAgain ? first : [...first, ...later], (done) => done(found), this.#logger);
  }
}
