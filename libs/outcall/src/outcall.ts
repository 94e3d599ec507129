import type { LookupFunction } from 'node:net';
import { Agent, type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http';
import { Agent as TlsAgent, request as requestTls } from 'node:https';
import { signatureHeaders } from './signature.ts';
import { guardedLookup, InsideError, outcallUrlProblem } from './target.ts';

/** Most bytes of an answer that are read, so that a receiver cannot fill the memory of a server. */
const MOST_BODY = 64 * 1024;
/** Most connections to one receiver, and most that stay open for the next call. */
const SOCKETS = 64;
const IDLE_SOCKETS = 16;
const IDLE_MS = 15_000;

export interface OutcallRequest {
  readonly url: string;
  /** The body, as JSON. */
  readonly body: string;
  /** Id of the call, the same when the call is repeated. A receiver that knows the id ignores the call. */
  readonly id: string;
  /** Secrets (`whsec_...`). Each signs the call. */
  readonly secrets: readonly string[];
  /** Time for the call, to the end of the answer [ms]. */
  readonly deadlineMs: number;
}

/**
 * Why there is no answer.
 * - `target`: the URL, or an address of its host, may not be called; `text` says what to do.
 * - `deadline`: the receiver did not answer in time.
 * - `connection`: there was no connection, or it ended before the answer did.
 */
export type OutcallFailure = 'target' | 'deadline' | 'connection';

export type OutcallAnswer =
  | {
      readonly outcome: 'answered';
      /** The HTTP status. A redirect (3xx) is never followed. */
      readonly status: number;
      /** Undefined: the receiver did not ask for a delay. */
      readonly retryAfterMs: number | undefined;
      readonly body: Buffer;
      /** False: the answer was longer than what is read. */
      readonly whole: boolean;
      readonly ms: number;
    }
  | {
      readonly outcome: 'failed';
      readonly reason: OutcallFailure;
      /** One line for people. */
      readonly text: string;
      readonly ms: number;
    };

export interface OutcallOptions {
  /** Hosts that may be inside the network, and may be called without TLS, in lower case (CIM_OUTCALL_HOSTS). */
  readonly allowedHosts: readonly string[];
  /** Value of the header `user-agent`. */
  readonly agent: string;
  /** Replaces the clock [ms since 1970], in tests. */
  readonly now?: () => number;
  /** Replaces the system's look-up of names, in tests. */
  readonly lookup?: LookupFunction;
}

/** Calls receivers by POST. A call never throws: what a receiver does is an outcome. */
export class Outcall {
  readonly #allowedHosts: readonly string[];
  readonly #userAgent: string;
  readonly #now: () => number;
  readonly #plain: Agent;
  readonly #tls: TlsAgent;
  #stopped = false;

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
    const target = new URL(url);
    return new Promise((resolve) => {
      let call: ClientRequest | undefined;
      let ended = false;
      const end = (answer: EndedCall): void => {
        ended = true;
        clearTimeout(timer);
        resolve({ ...answer, ms: ms() });
      };
      const timer = setTimeout(() => {
        end({ outcome: 'failed', reason: 'deadline', text: `no answer within ${deadlineMs} ms` });
        call?.destroy();
      }, deadlineMs);
      const ask = (isAgain: boolean): void => {
        const asked = this.#open(target, {
          ...signatureHeaders(secrets, id, this.#now(), body),
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(body)),
          'user-agent': this.#userAgent,
        });
        call = asked;
        asked.on('error', (error) => {
          // The deadline has ended the request, so there is nobody to ask again for.
          if (ended) return;
          // The receiver has closed a connection that had stayed open, just when it was used again.
          const isClosed = asked.reusedSocket && 'code' in error && error.code === 'ECONNRESET';
          if (isClosed && !isAgain && !this.#stopped) return ask(true);
          const reason = error instanceof InsideError ? 'target' : 'connection';
          end({ outcome: 'failed', reason, text: reasonOf(error) });
        });
        asked.on('response', (response) => readAnswer(response, asked, this.#now, end));
        asked.end(body);
      };
      ask(false);
    });
  }

  /** Ends all connections, so calls under way fail. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#plain.destroy();
    this.#tls.destroy();
  }

  #open(url: URL, headers: Record<string, string>): ClientRequest {
    const options = { method: 'POST', headers };
    return url.protocol === 'https:'
      ? requestTls(url, { ...options, agent: this.#tls })
      : requestPlain(url, { ...options, agent: this.#plain });
  }
}

type EndedCall = {
  [Outcome in OutcallAnswer as Outcome['outcome']]: Omit<Outcome, 'ms'>;
}[OutcallAnswer['outcome']];

/**
 * Reads the body of an answer, up to the limit.
 * @param end may be called several times; the first call counts
 */
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

/** The delay that `Retry-After` asks for, given in seconds or as a date. */
function retryAfterOf({ headers }: IncomingMessage, now: number): number | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** The reason in one line. When several addresses were tried, that of the first one. */
function reasonOf(error: Error): string {
  const [first] = error instanceof AggregateError ? (error.errors as Error[]) : [];
  return (first ?? error).message.replace(/\p{Cc}[^]*/u, '');
}
