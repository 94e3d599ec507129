import { type CimError, type CloseReason, CODES } from '@cim/protocol';
import type { LinkEnd } from './link.ts';

/** What follows an attempt to connect that failed. */
export type Verdict =
  | { readonly back: true; readonly reason: CloseReason; readonly text: string; readonly afterMs: number }
  | { readonly back: false; readonly reason: CloseReason; readonly text: string };

/** How long a reconnect is refused as a second login before we believe it: a lost answer makes one for 20 s. */
const REPEAT_MS = 35_000;
/** Refused logins in a row that are worth another. */
export const LOGIN_ATTEMPTS = 3;

/** Whether a client that is away comes back, or has ended. */
export class Comeback {
  readonly #now: () => number;
  #repeatSince: number | undefined;
  #unauthorized = 0;

  /** @param now monotonic, ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** It is connected. */
  reset(): void {
    this.#repeatSince = undefined;
    this.#unauthorized = 0;
  }

  /** A login that came too late for its ticket, or to a server that has just restarted, is worth another. */
  beforeReady(end: LinkEnd): LinkEnd {
    if (end.reason !== 'unauthorized' && end.reason !== 'login-timeout') return end;
    return { ...end, reconnect: ++this.#unauthorized < LOGIN_ATTEMPTS };
  }

  /** @param end of the connection, when there was one; else the route has said no */
  judge(error: CimError, end: LinkEnd | undefined): Verdict {
    if (end !== undefined) return { ...end, back: end.reconnect };
    const text = error.message;
    if (error.code === CODES.repeatLogin.code) {
      this.#repeatSince ??= this.#now();
      if (this.#now() - this.#repeatSince > REPEAT_MS) return { back: false, reason: 'superseded', text };
    } else if (!error.retryable) return { back: false, reason: 'unauthorized', text };
    return { back: true, reason: 'unavailable', text, afterMs: error.retryAfterMs };
  }
}
