import { inboxOf, type UserId } from '@cim/protocol';
import type { RareWarning } from '@cim/runtime';
import type { Store } from '@cim/store';

/**
 * Wait before the store is asked again. With the store's time-out (2 s) and the im-server's reading of its
 * notes (2 s) a recipient waits less than 5 s.
 */
const AGAIN_AFTER_MS = 500;
/**
 * Most users that wait here. An im-server reads the logs of all its sessions every 30 s, and finds the
 * entries of further users then.
 */
const USERS = 10_000;
/** Users that the store is asked about at once. */
const AT_ONCE = 256;

/**
 * Users whose push failed while the store did not answer, so that no note could be written. The store is
 * asked until it answers; then the stream is noted for the im-servers that hold the user.
 */
export class FailedPushes {
  readonly #store: Pick<Store, 'sessions' | 'streams'>;
  readonly #notNoted: RareWarning;
  /** Removed when the store is asked; added again when it does not answer. */
  readonly #users = new Set<UserId>();
  #timer: NodeJS.Timeout | undefined;

  constructor(store: Pick<Store, 'sessions' | 'streams'>, notNoted: RareWarning) {
    this.#store = store;
    this.#notNoted = notNoted;
  }

  /** Adds a user. @param cause why the note could not be written, if the store said so */
  add(user: UserId, cause?: unknown): void {
    this.#notNoted.due({ err: cause, userId: user });
    if (this.#users.size >= USERS) return;
    this.#users.add(user);
    this.#timer ??= setTimeout(() => void this.#noteAll(), AGAIN_AFTER_MS).unref();
  }

  async #noteAll(): Promise<void> {
    let batch = 1;
    while (this.#users.size > 0 && batch > 0) {
      const users = [...this.#users].slice(0, batch);
      const noted = await Promise.all(users.map((user) => this.#note(user)));
      // The question about one user shows whether the store answers.
      batch = noted.includes(false) ? 0 : AT_ONCE;
    }
    this.#timer =
      this.#users.size === 0 ? undefined : setTimeout(() => void this.#noteAll(), AGAIN_AFTER_MS).unref();
  }

  async #note(user: UserId): Promise<boolean> {
    // The user is removed before the question, so that a push that fails meanwhile adds it again.
    this.#users.delete(user);
    try {
      const servers = new Set((await this.#store.sessions.locate(user)).map(({ instance }) => instance));
      for (const instance of servers) await this.#store.streams.markDirty(instance, inboxOf(user));
      return true;
    } catch {
      this.#users.add(user);
      return false;
    }
  }
}
