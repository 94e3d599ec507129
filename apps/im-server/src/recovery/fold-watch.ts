import type { Seq, UserId } from '@cim/protocol';
import type { Conversations } from '@cim/store';
import { LRUCache } from 'lru-cache';

/** A timeline is folded when it has moved by so many entries; it keeps at least five times as many. */
const FOLD_EVERY = 2_000;
/** Users who are remembered. One who is not is folded once more, which finds little to do. */
const USERS = 100_000;

/**
 * Folds timelines that move fast into the conversations of their users, so that no entry is trimmed before it is counted
 * there. A user who lists conversations folds by that; many never do.
 */
export class FoldWatch {
  readonly #conversations: Pick<Conversations, 'foldNow'>;
  /** Key: user. How many times `FOLD_EVERY` entries the timeline had when it was folded last. */
  readonly #folded = new LRUCache<UserId, number>({ max: USERS });
  /** One timeline at a time. */
  #last: Promise<void> = Promise.resolve();

  constructor(conversations: Pick<Conversations, 'foldNow'>) {
    this.#conversations = conversations;
  }

  /** The user's timeline has this top now. Called with each pass over the sessions. */
  moved(user: UserId, top: Seq): void {
    const steps = Math.floor(top / FOLD_EVERY);
    if (this.#folded.get(user) === steps) return;
    this.#folded.set(user, steps);
    if (steps === 0) return;
    this.#last = this.#last.then(async () => {
      try {
        await this.#conversations.foldNow(user);
      } catch {
        // The store does not answer: the next pass tries again.
        this.#folded.delete(user);
      }
    });
  }

  /** Resolves when all that is due is folded, or has failed. */
  idle(): Promise<void> {
    return this.#last;
  }
}
