import type { DeviceId, UserId } from '@cim/protocol';
import type { Session } from './session.ts';

const NONE: readonly Session[] = [];

/** The live sessions of this process, one per device of a user. The session with the highest epoch wins. */
export class SessionRegistry {
  /** Key: user. Set by `add`, removed by `remove` when the channel has closed. */
  readonly #sessions = new Map<UserId, readonly Session[]>();
  #size = 0;

  /** Key: user. Value: number of logins that the store has not answered yet. Removed by `claimEnds`. */
  readonly #claims = new Map<UserId, number>();

  /** Number of sessions. */
  get size(): number {
    return this.#size;
  }

  /** The sessions of a user, one per device. */
  of(user: UserId): readonly Session[] {
    return this.#sessions.get(user) ?? NONE;
  }

  *all(): Generator<Session, void> {
    for (const sessions of this.#sessions.values()) yield* sessions;
  }

  has(session: Session): boolean {
    return this.of(session.userId).includes(session);
  }

  /** Whether the user, or the named device, has a session here, or may have one soon. */
  holds(user: UserId, device?: DeviceId): boolean {
    const sessions = this.of(user);
    return (
      this.#claims.has(user) ||
      (device === undefined ? sessions.length > 0 : sessions.some((session) => session.device === device))
    );
  }

  claimBegins(user: UserId): void {
    this.#claims.set(user, (this.#claims.get(user) ?? 0) + 1);
  }

  claimEnds(user: UserId): void {
    const others = (this.#claims.get(user) ?? 1) - 1;
    if (others === 0) this.#claims.delete(user);
    else this.#claims.set(user, others);
  }

  /**
   * Adds a session, and closes an earlier one of the device as superseded. False when a later one is here
   * already.
   */
  add(session: Session): boolean {
    const sessions = this.of(session.userId);
    const before = sessions.find(({ device }) => device === session.device);
    if (before !== undefined && before.epoch > session.epoch) return false;
    this.#sessions.set(session.userId, [...sessions.filter((other) => other !== before), session]);
    if (before === undefined) this.#size++;
    before?.close('superseded');
    return true;
  }

  /** Removes a session, unless another one has replaced it. */
  remove(session: Session): void {
    const sessions = this.of(session.userId);
    const others = sessions.filter((other) => other !== session);
    if (others.length === sessions.length) return;
    this.#size--;
    if (others.length === 0) this.#sessions.delete(session.userId);
    else this.#sessions.set(session.userId, others);
  }
}
