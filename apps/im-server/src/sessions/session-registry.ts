import type { UserId } from '@cim/protocol';
import type { Session } from './session.ts';

/** The live sessions of this process: one per user, the newest epoch wins. */
export class SessionRegistry {
  /** Key: user. Set by `add`, removed by `remove` when the channel has closed. */
  readonly #sessions = new Map<UserId, Session>();

  /** Key: user. Logins that are being told to the store; removed by `claimEnds`. */
  readonly #claims = new Map<UserId, number>();

  get size(): number {
    return this.#sessions.size;
  }

  get(user: UserId): Session | undefined {
    return this.#sessions.get(user);
  }

  all(): IterableIterator<Session> {
    return this.#sessions.values();
  }

  /** Whether there is a session of the user here, or may be one soon. */
  holds(user: UserId): boolean {
    return this.#sessions.has(user) || this.#claims.has(user);
  }

  claimBegins(user: UserId): void {
    this.#claims.set(user, (this.#claims.get(user) ?? 0) + 1);
  }

  claimEnds(user: UserId): void {
    const others = (this.#claims.get(user) ?? 1) - 1;
    if (others === 0) this.#claims.delete(user);
    else this.#claims.set(user, others);
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
