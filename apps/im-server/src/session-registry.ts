import type { UserId } from '@cim/protocol';
import type { Session } from './session.ts';

/** The live sessions of this process: one per user, the newest epoch wins. */
export class SessionRegistry {
  /** Key: user. Set by `add`, removed by `remove` when the channel has closed. */
  readonly #sessions = new Map<UserId, Session>();

  get size(): number {
    return this.#sessions.size;
  }

  get(user: UserId): Session | undefined {
    return this.#sessions.get(user);
  }

  all(): IterableIterator<Session> {
    return this.#sessions.values();
  }

  /** False when a session of a later login is here already; an earlier one is closed as superseded. */
  add(session: Session): boolean {
    const other = this.#sessions.get(session.userId);
    if (other !== undefined && other.epoch > session.epoch) return false;
    this.#sessions.set(session.userId, session);
    other?.close('superseded');
    return true;
  }

  /** Only if it is still the user's session here. */
  remove(session: Session): void {
    if (this.#sessions.get(session.userId) === session) this.#sessions.delete(session.userId);
  }
}
