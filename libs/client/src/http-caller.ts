import { CimError, CODES, type CodeName } from '@cim/protocol';
import { Gate } from './gate.ts';

/** A request to a route. */
export interface HttpRequest {
  /** Default: POST with a body, GET without one. */
  readonly method?: string;
  readonly body?: object | undefined;
  /** Secret of a session to show; '' shows an empty one. */
  readonly session?: string;
  /** Requests with the same key create one thing. */
  readonly key?: string | undefined;
  readonly timeoutMs?: number;
  /** False for a goodbye: it does not wait for a free connection. */
  readonly waits?: boolean;
}

/** A request that is ready to be sent; `body` is JSON. */
export interface HttpOut {
  /** The method, in capitals. */
  readonly method: string;
  /** All headers, names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON; undefined for none. */
  readonly body: string | undefined;
  /** Aborted when the request has taken too long. */
  readonly signal: AbortSignal;
}

/** An answer as it came in. */
export interface HttpIn {
  /** HTTP status. */
  readonly status: number;
  /** The whole body. */
  readonly text: string;
  /** A header of the answer, if there is one. @param name in small letters */
  header(name: string): string | null | undefined;
}

/**
 * Carries one request, and follows no redirect. It rejects with a `CimError` that is shown as it is, or with
 * any other error: the caller then says that the route cannot be reached.
 */
export type HttpExchange = (url: string, request: HttpOut) => Promise<HttpIn>;

/** Carries requests with the host's `fetch`. */
const byFetch: HttpExchange = async (url, { body, ...request }) => {
  const response = await fetch(url, { ...request, body: body ?? null, redirect: 'error' });
  const { status, headers } = response;
  return { status, text: await response.text(), header: (name) => headers.get(name) };
};

/** Begin of the answer to a plain request on a port that speaks only TLS. */
export const SPEAKS_TLS = 'this port speaks TLS';

export interface HttpAnswer {
  readonly status: number;
  /** Undefined when the answer has no body. */
  readonly body: unknown;
  readonly retryAfterMs: number;
  /** On CIM's paths: whether the list goes on after the last of these items. */
  readonly more: boolean;
}

/**
 * Most requests of this process to one route at once, each on its own connection. Otherwise thousands of
 * clients that reconnect together would be busy with connections for longer than any answer takes.
 */
const AT_A_TIME = 64;
const TIMEOUT_MS = 10_000;

/** Key: the route's URL. Never removed: a program uses few routes. */
const gates = new Map<string, Gate>();

/**
 * Requests to one route, JSON in both directions. Rejects only with `CimError`; its message is one line for a
 * person.
 */
export class HttpCaller {
  readonly url: string;
  readonly #timeoutMs: number;
  readonly #exchange: HttpExchange;
  readonly #gate: Gate;

  /** @param url such as `http://127.0.0.1:8083`; throws when it is not a URL */
  constructor(
    url: string,
    { timeoutMs = TIMEOUT_MS, exchange }: { timeoutMs?: number; exchange?: HttpExchange | undefined } = {},
  ) {
    let parsed: URL;
    try {
      parsed = new URL(url);
    } catch {
      throw new CimError('invalid', `"${url}" is not a URL; give one like http://127.0.0.1:8083`);
    }
    if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')
      throw new CimError('invalid', `"${url}" is not an http URL; give one like http://127.0.0.1:8083`);
    this.url = withoutSlashes(parsed.href);
    this.#timeoutMs = timeoutMs;
    this.#exchange = exchange ?? byFetch;
    this.#gate = gates.get(this.url) ?? new Gate(AT_A_TIME);
    gates.set(this.url, this.#gate);
  }

  /**
   * Sends a request. @throws {CimError} 4000: there is no answer, or it is not JSON. The caller interprets
   * the answer.
   */
  async ask(path: string, request: HttpRequest = {}): Promise<HttpAnswer> {
    const { body, method = body === undefined ? 'GET' : 'POST', session, key } = request;
    const { timeoutMs = this.#timeoutMs, waits = true } = request;
    const ask = async () => {
      const answer = await this.#exchange(this.url + path, {
        method,
        headers: {
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(session !== undefined && { authorization: `Bearer ${session}` }),
          ...(key !== undefined && { 'idempotency-key': key }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const { status, text } = answer;
      const retryAfterMs = 1_000 * (Number(answer.header('retry-after')) || 0);
      return { status, text, retryAfterMs, more: answer.header('x-cim-more') === 'true' };
    };
    const answered = waits ? this.#gate.through(ask, timeoutMs) : ask();
    const { text, ...answer } = await answered.catch((error: unknown) => {
      throw this.#unreachable(error, timeoutMs);
    });
    if (text === '') return { ...answer, body: undefined };
    try {
      return { ...answer, body: JSON.parse(text) as unknown };
    } catch {
      if (answer.status === 400 && text.startsWith(SPEAKS_TLS))
        throw new CimError(
          'tlsMismatch',
          `the route at ${this.url} speaks TLS: give its address with https://`,
        );
      throw this.foreign();
    }
  }

  /** The error for an answer that no route gives. */
  foreign(): CimError {
    return new CimError('failure', `what answers at ${this.url} is not a CIM route; check the address`);
  }

  #unreachable(error: unknown, timeoutMs: number): CimError {
    if (error instanceof CimError) return error;
    const why = failureText(error, timeoutMs);
    return new CimError(
      'failure',
      `cannot reach the route at ${this.url}: ${why}; is the server running? (npm start)`,
      { cause: error },
    );
  }
}

/**
 * The error for a refusal of the route, by its code. @param text for a person; the route may have put
 * anything there
 */
export function refusal(code: string, text: unknown, retryAfterMs: number): CimError {
  const names = Object.keys(CODES) as CodeName[];
  const name = names.find((one) => CODES[one].code === code) ?? 'failure';
  return new CimError(name, oneLine(text, code), { retryAfterMs });
}

/** The URL without slashes at its end. */
function withoutSlashes(url: string): string {
  let end = url.length;
  while (url[end - 1] === '/') end--;
  return url.slice(0, end);
}

/** In a few words for a person, why a connection failed. */
export function failureText(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer in ${timeoutMs / 1000} s`;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = isRecord(cause) && typeof cause['code'] === 'string' ? cause['code'] : '';
  const known = FAILURES[code];
  if (known !== undefined) return known;
  if (code.startsWith('HPE_') || (cause instanceof Error && cause.name === 'HTTPParserError'))
    return 'it does not speak HTTP';
  return cause instanceof Error && cause.message !== ''
    ? oneLine(cause.message, code)
    : code || 'unknown failure';
}

const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  ETIMEDOUT: 'no answer',
  UND_ERR_CONNECT_TIMEOUT: 'no answer',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the host name cannot be looked up now',
  EHOSTUNREACH: 'no way to the host',
  ENETUNREACH: 'no way to the host',
};

const oneLine = (text: unknown, fallback: string): string =>
  typeof text === 'string' && text !== '' ? text.split(/[\r\n]/, 1)[0]?.slice(0, 300) || fallback : fallback;

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
