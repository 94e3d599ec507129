import type { LookupFunction } from 'node:net';
import { Agent, type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http';
import { Agent as TlsAgent, request as requestTls } from 'node:https';
import { signatureHeaders } from './signature.ts';
import { guardedLookup, InsideError, outcallUrlProblem } from './target.ts';

/** Of an answer this much is read, in bytes; a receiver must not fill the memory of a server. */
const MOST_BODY = 64 * 1024;
/** Connections to one receiver at a time, and those that stay open for the next call. */
const SOCKETS = 64;
const IDLE_SOCKETS = 16;
const IDLE_MS = 15_000;

export interface OutcallRequest {
  readonly url: string;
  /** JSON. */
  readonly body: string;
  /** Of the call, the same when it is repeated: a receiver that has seen it does nothing. */
  readonly id: string;
  /** `whsec_...`; each signs. */
  readonly secrets: readonly string[];
  /** From now to the end of the answer. */
  readonly deadlineMs: number;
}

/**
 * Why there is no answer.
 * - `target` the URL, or the address that its host has, is not one that may be called; `text` says what to do.
 * - `deadline` the receiver did not answer in time.
 * - `connection` no connection, or one that ended before the answer did.
 */
export type OutcallFailure = 'target' | 'deadline' | 'connection';

export type OutcallAnswer =
  | {
      readonly outcome: 'answered';
      /** Any; a redirect (3xx) is never followed. */
      readonly status: number;
      /** Undefined: the receiver does not say. */
      readonly retryAfterMs: number | undefined;
      readonly body: Buffer;
      /** False: the body was longer than what is read. */
      readonly whole: boolean;
      readonly ms: number;
    }
  | {
      readonly outcome: 'failed';
      readonly reason: OutcallFailure;
      /** One line for a person. */
      readonly text: string;
      readonly ms: number;
    };

export interface OutcallOptions {
  /** Hosts that may be inside the network, and may be called without TLS; lower case (CIM_OUTCALL_HOSTS). */
  readonly allowedHosts: readonly string[];
  /** As the header `user-agent`. */
  readonly agent: string;
  /** ms since 1970: for tests. */
  readonly now?: () => number;
  /** In place of the system's: for tests. */
  readonly lookup?: LookupFunction;
}

/** Calls receivers by POST. A call never throws: what a receiver does is an outcome. */
export class Outcall {
  readonly #allowedHosts: readonly string[];
  readonly #userAgent: string;
  readonly #now: () => number;
  readonly #plain: Agent;
  readonly #tls: TlsAgent;

  constructor({ allowedHosts, agent, now = Date.now, lookup = guardedLookup(allowedHosts) }: OutcallOptions) {
    this.#allowedHosts = allowedHosts;
    this.#userAgent = agent;
    this.#now = now;
    const options = {
      keepAlive: true,
      maxSockets: SOCKETS,
      maxFreeSockets: IDLE_SOCKETS,
      timeout: IDLE_MS,
      lookup,
    };
    this.#plain = new Agent(options);
    this.#tls = new TlsAgent(options);
  }

  post({ url, body, id, secrets, deadlineMs }: OutcallRequest): Promise<OutcallAnswer> {
    const begun = performance.now();
    const ms = (): number => performance.now() - begun;
    const problem = outcallUrlProblem(url, this.#allowedHosts);
    if (problem !== undefined)
      return Promise.resolve({ outcome: 'failed', reason: 'target', text: `the URL ${problem}`, ms: ms() });
    return new Promise((resolve) => {
      let call: ClientRequest | undefined;
      const end = (answer: EndedCall): void => {
        clearTimeout(timer);
        resolve({ ...answer, ms: ms() });
      };
      const timer = setTimeout(() => {
        end({ outcome: 'failed', reason: 'deadline', text: `no answer within ${deadlineMs} ms` });
        call?.destroy();
      }, deadlineMs);
      const ask = (isAgain: boolean): void => {
        const asked = this.#open(url, {
          ...signatureHeaders(secrets, id, this.#now(), body),
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(body)),
          'user-agent': this.#userAgent,
        });
        call = asked;
        asked.on('error', (error) => {
          // The receiver closed a connection that had stayed open, just when it was used again.
          if (asked.reusedSocket && !isAgain && 'code' in error && error.code === 'ECONNRESET')
            return ask(true);
          const reason = error instanceof InsideError ? 'target' : 'connection';
          end({ outcome: 'failed', reason, text: reasonOf(error) });
        });
        asked.on('response', (response) => readAnswer(response, asked, this.#now, end));
        asked.end(body);
      };
      ask(false);
    });
  }

  /** Ends the connections that stay open. Calls under way go on. Idempotent. */
  stop(): void {
    this.#plain.destroy();
    this.#tls.destroy();
  }

  #open(url: string, headers: Record<string, string>): ClientRequest {
    const options = { method: 'POST', headers };
    return url.startsWith('https:')
      ? requestTls(url, { ...options, agent: this.#tls })
      : requestPlain(url, { ...options, agent: this.#plain });
  }
}

type EndedCall = {
  [Outcome in OutcallAnswer as Outcome['outcome']]: Omit<Outcome, 'ms'>;
}[OutcallAnswer['outcome']];

/** Reads as much of a body as is wanted. @param end called once or more; the first call counts */
function readAnswer(
  response: IncomingMessage,
  call: ClientRequest,
  now: () => number,
  end: (answer: EndedCall) => void,
): void {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const answered = (whole: boolean): void =>
    end({
      outcome: 'answered',
      status: response.statusCode ?? 0,
      retryAfterMs: retryAfterOf(response, now()),
      body: Buffer.concat(pieces, Math.min(bytes, MOST_BODY)),
      whole,
    });
  response.on('data', (piece: Buffer) => {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes <= MOST_BODY) return;
    answered(false);
    call.destroy();
  });
  response.on('end', () => answered(true));
  response.on('error', (error) => end({ outcome: 'failed', reason: 'connection', text: reasonOf(error) }));
}

/** `Retry-After`, in seconds or as a date. */
function retryAfterOf({ headers }: IncomingMessage, now: number): number | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** One line. Of several addresses that were tried, what the first said. */
function reasonOf(error: Error): string {
  const [first] = error instanceof AggregateError ? (error.errors as Error[]) : [];
  return (first ?? error).message.replace(/\p{Cc}[^]*/u, '');
}
