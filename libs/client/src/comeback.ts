import { type CimError, type CloseReason, CODES, type CodeName } from '@cim/protocol';
import type { LinkEnd } from './link.ts';

/** What the client does after an attempt to connect has failed. */
export type Verdict =
  | { readonly back: true; readonly reason: CloseReason; readonly text: string; readonly afterMs: number }
  | { readonly back: false; readonly reason: CloseReason; readonly text: string };

/**
 * How long refusals must go on before the client believes them [ms]. A refused second login: a lost answer
 * causes one for 20 s. A refusal by the server that the route has just named: for about 10 s after a failover
 * the two may ask different masters. A TLS failure: the server may have restarted with another certificate,
 * or without one, since the route named it.
 */
const BELIEVED_MS = 35_000;

/** Kinds of refusals that are not believed at once. */
type Doubted = 'repeat' | 'unauthorized' | 'tls';

const DOUBTED: Partial<Record<CloseReason, Doubted>> = {
  unauthorized: 'unauthorized',
  'login-timeout': 'unauthorized',
  untrusted: 'tls',
  'tls-mismatch': 'tls',
};

/** The error of a connection that ended before it was ready. */
export function codeNameOf(reason: CloseReason): CodeName {
  if (reason === 'untrusted') return 'untrusted';
  return reason === 'tls-mismatch' ? 'tlsMismatch' : 'failure';
}

/** Decides whether a disconnected client reconnects or has ended. */
export class Comeback {
  readonly #now: () => number;
  /**
   * Key: a kind of refusal. Value: when the first of consecutive ones came. Emptied by another kind of
   * failure, and by success.
   */
  readonly #since = new Map<Doubted, number>();

  /** @param now monotonic [ms] */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Notes that the client is connected. */
  reset(): void {
    this.#since.clear();
  }

  /**
   * Changes the end of a connection that was never ready: a login that was too late for its ticket, or
   * reached a server that has just restarted, is worth another try.
   */
  beforeReady(end: LinkEnd): LinkEnd {
    const kind = DOUBTED[end.reason];
    if (kind !== undefined) return { ...end, reconnect: this.#doubts(kind) };
    this.reset();
    return end;
  }

  /** Judges a failure. @param end how the connection ended; undefined when the route refused */
  judge(error: CimError, end: LinkEnd | undefined): Verdict {
    if (end !== undefined) return { ...end, back: end.reconnect };
    const text = error.message;
    const ended = { back: false, text } as const;
    switch (error.code) {
      case CODES.repeatLogin.code:
        this.#since.delete('unauthorized');
        if (!this.#doubts('repeat')) return { ...ended, reason: 'superseded' };
        break;
      case CODES.untrusted.code:
        if (!this.#doubts('tls')) return { ...ended, reason: 'untrusted' };
        break;
      case CODES.tlsMismatch.code:
        if (!this.#doubts('tls')) return { ...ended, reason: 'tls-mismatch' };
        break;
      default:
        if (!error.retryable) return { ...ended, reason: 'unauthorized' };
        this.reset();
    }
    return { back: true, reason: 'unavailable', text, afterMs: error.retryAfterMs };
  }

  #doubts(kind: Doubted): boolean {
    const since = this.#since.get(kind) ?? this.#now();
    this.#since.set(kind, since);
    return this.#now() - since <= BELIEVED_MS;
  }
}
