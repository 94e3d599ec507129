/** The sessions of operators at the page. They live in this process only and end with it. */
import { createHash } from 'node:crypto';
import { randomText } from '@cim/runtime';

/** How long a session lives after its login [s]. */
export const SESSION_S = 12 * 3_600;
/** More than that many operators are not expected. The oldest session ends when one more begins. */
const SESSIONS_AT_MOST = 100;
const SECRET_BYTES = 32;

interface PageSession {
  /** The credential of the login. It is checked again at each request, so that revoking it ends the session. */
  readonly credential: string;
  readonly endsAt: number;
}

export class PageSessions {
  readonly #now: () => number;
  /** Key: hash of the session's secret. Removed at the logout, after SESSION_S, and as the oldest of too many. */
  readonly #sessions = new Map<string, PageSession>();

  /** @param now the time of a monotonic clock [ms] */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Begins a session. Answers its secret, which the cookie holds. */
  begin(credential: string): string {
    for (const [key, { endsAt }] of this.#sessions) if (endsAt <= this.#now()) this.#sessions.delete(key);
    for (const key of this.#sessions.keys()) {
      if (this.#sessions.size < SESSIONS_AT_MOST) break;
      this.#sessions.delete(key);
    }
    const secret = randomText(SECRET_BYTES);
    this.#sessions.set(keyOf(secret), { credential, endsAt: this.#now() + SESSION_S * 1_000 });
    return secret;
  }

  /** The credential of the login. Undefined: there is no such session, or it has ended. */
  credentialOf(secret: string): string | undefined {
    const session = this.#sessions.get(keyOf(secret));
    return session !== undefined && session.endsAt > this.#now() ? session.credential : undefined;
  }

  /** Ends a session. Idempotent. */
  end(secret: string): void {
    this.#sessions.delete(keyOf(secret));
  }
}

const keyOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url');
