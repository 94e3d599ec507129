import { type CimError, type CloseReason, CODES } from '@cim/protocol';
import type { LinkEnd } from './link.ts';

/** What follows an attempt to connect that failed. */
export type Verdict =
  | { readonly back: true; readonly reason: CloseReason; readonly text: string; readonly afterMs: number }
  | { readonly back: false; readonly reason: CloseReason; readonly text: string };

/**
 * How long a reconnect is refused before we believe it. As a second login: a lost answer makes one for 20 s. By the server
 * that the route has just named: for some 10 s after a failover the two may ask different masters.
 */
const BELIEVED_MS = 35_000;

/** Whether a client that is away comes back, or has ended. */
export class Comeback {
  readonly #now: () => number;
  /** Each since the first of a row of refusals of its kind. */
  #repeatSince: number | undefined;
  #unauthorizedSince: number | undefined;

  /** @param now monotonic, ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** It is connected. */
  reset(): void {
    this.#repeatSince = undefined;
    this.#unauthorizedSince = undefined;
  }

  /** A login that came too late for its ticket, or to a server that has just restarted, is worth another. */
  beforeReady(end: LinkEnd): LinkEnd {
    if (end.reason !== 'unauthorized' && end.reason !== 'login-timeout') {
      this.reset();
      return end;
    }
    this.#unauthorizedSince ??= this.#now();
    return { ...end, reconnect: this.#now() - this.#unauthorizedSince <= BELIEVED_MS };
  }

  /** @param end of the connection, when there was one; else the route has said no */
  judge(error: CimError, end: LinkEnd | undefined): Verdict {
    if (end !== undefined) return { ...end, back: end.reconnect };
    const text = error.message;
    if (error.code === CODES.repeatLogin.code) {
      this.#unauthorizedSince = undefined;
      this.#repeatSince ??= this.#now();
      if (this.#now() - this.#repeatSince > BELIEVED_MS) return { back: false, reason: 'superseded', text };
    } else if (!error.retryable) return { back: false, reason: 'unauthorized', text };
    else this.reset();
    return { back: true, reason: 'unavailable', text, afterMs: error.retryAfterMs };
  }
}
