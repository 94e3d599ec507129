import type { Seq, UserId } from '@cim/protocol';
import type { Conversations } from '@cim/store';
import { LRUCache } from 'lru-cache';

/**
 * A timeline is folded each time it has grown by this many entries. The log keeps at least five times as
 * many.
 */
const FOLD_EVERY = 2_000;
/** Users that are remembered. For a user who is not, one needless fold finds little to do. */
const USERS = 100_000;

/**
 * Folds fast-growing timelines into the conversation lists of their users, so that no entry is trimmed before
 * it is counted there. A user who lists conversations causes a fold too; many users never list them.
 */
export class FoldWatch {
  readonly #conversations: Pick<Conversations, 'foldNow'>;
  /** Key: user. Value: the top of the timeline at its last fold, divided by `FOLD_EVERY`. Bounded by size. */
  readonly #folded = new LRUCache<UserId, number>({ max: USERS });
  /** The folds run one after the other. */
  #last: Promise<void> = Promise.resolve();

  constructor(conversations: Pick<Conversations, 'foldNow'>) {
    this.#conversations = conversations;
  }

  /** Tells the top of a user's timeline. Called with each pass over the sessions. */
  moved(user: UserId, top: Seq): void {
    const steps = Math.floor(top / FOLD_EVERY);
    if (this.#folded.get(user) === steps) return;
    this.#folded.set(user, steps);
    if (steps === 0) return;
    this.#last = this.#last.then(async () => {
      try {
        await this.#conversations.foldNow(user);
      } catch {
        // The store did not answer. The next pass tries again.
        this.#folded.delete(user);
      }
    });
  }

  /** Resolves when all due folds have ended or failed. */
  idle(): Promise<void> {
    return this.#last;
  }
}
