import {
  CimError,
  CODES,
  type CodeName,
  type Epoch,
  groupStream,
  inboxOf,
  isSeq,
  isUserId,
  LOBBY,
  type NamedUser,
  streamName,
  type UserId,
} from '@cim/protocol';
import { Gate } from './gate.ts';
import type { HistoryPage, HistoryQuery, KeptMessage } from './events.ts';

/** What a login answers: which im-server to go to, and what opens it. */
export interface Place {
  readonly host: string;
  readonly tcpPort: number;
  /** For the TCP login; single use, 20 s. */
  readonly ticket: string;
  /** Lets the next login replace this session. */
  readonly session: string;
  readonly epoch: Epoch;
}

export interface Login {
  readonly userId: UserId;
  readonly userName: string;
  readonly password?: string;
  /** The secret of the session to be replaced. */
  readonly session?: string;
  /** The installation, and its name for people. A route of before there were devices leaves both alone. */
  readonly device: string;
  readonly label: string;
}

interface AskOptions {
  readonly session?: string;
  readonly timeoutMs?: number;
  /** Not for a goodbye: it does not wait its turn. */
  readonly waits?: boolean;
}

/** An entry of a stream, as the route shows it. */
type HistoryEntry = Omit<KeptMessage, 'stream' | 'group'>;

/**
 * Requests of this process to one route at a time, each on a connection of its own. Thousands of clients that come back
 * together would be busy with their connections for longer than any answer takes.
 */
const AT_A_TIME = 64;

/** Key: the route's URL. Never removed. */
const gates = new Map<string, Gate>();

/** Users of one answer: a longer one would hold route and client up while it is written and read. */
const ONLINE_PAGE = 5_000;

/** Nobody waits longer for a goodbye, ms. */
const OFFLINE_MS = 3_000;

/** The route's HTTP API, as a client needs it. Rejects with `CimError` only; its message is one line for a person. */
export class RouteApi {
  readonly #url: string;
  readonly #timeoutMs: number;
  readonly #gate: Gate;

  /** @param url such as `http://127.0.0.1:8083`; throws when it is none */
  constructor(url: string, timeoutMs = 10_000) {
    let parsed: URL;
    try {
      parsed = new URL(url);
    } catch {
      throw new CimError('invalid', `"${url}" is not a URL; give one like http://127.0.0.1:8083`);
    }
    if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')
      throw new CimError('invalid', `"${url}" is not an http URL; give one like http://127.0.0.1:8083`);
    this.#url = withoutSlashes(parsed.href);
    this.#timeoutMs = timeoutMs;
    this.#gate = gates.get(this.#url) ?? new Gate(AT_A_TIME);
    gates.set(this.#url, this.#gate);
  }

  async register(userName: string, password?: string): Promise<NamedUser> {
    const body = await this.#call('/registerAccount', {
      userName,
      ...(password !== undefined && { password }),
    });
    if (!isRecord(body) || !isUserId(body['userId']) || typeof body['userName'] !== 'string')
      throw this.#foreign();
    return { userId: body['userId'], userName: body['userName'] };
  }

  async login(login: Login): Promise<Place> {
    const body = await this.#call('/login', { ...login, wire: 2 });
    const place = placeOf(body);
    if (place !== undefined) return place;
    // The user is logged in now, and nobody would come to use it: CIM's route keeps that for ever.
    const undone = await this.offLine(login.userId, '').then(
      () => 'nobody is logged in',
      () => `"${login.userName}" stays logged in there, since the logout failed`,
    );
    if (!isRecord(body) || typeof body['cimServerPort'] !== 'number') throw this.#foreign();
    throw new CimError(
      'failure',
      `the route at ${this.#url} is CIM's own: its logins have no ticket for this client's protocol; use CIM's client there, or this project's route and im-server (${undone})`,
    );
  }

  /** Everybody, however many answers that takes. */
  async online(): Promise<NamedUser[]> {
    const users: NamedUser[] = [];
    for (let more = true; more; ) {
      const after = users.at(-1)?.userId ?? 0;
      const answer = await this.#ask(`/onlineUser?limit=${ONLINE_PAGE}&after=${after}`);
      if (!Array.isArray(answer.body)) throw this.#foreign();
      for (const user of answer.body as unknown[])
        if (isRecord(user) && isUserId(user['userId']) && typeof user['userName'] === 'string')
          users.push({ userId: user['userId'], userName: user['userName'] });
      more = answer.more && (users.at(-1)?.userId ?? 0) > after;
    }
    return users;
  }

  async history(userId: UserId, session: string, query: HistoryQuery): Promise<HistoryPage> {
    const { group, ...range } = query;
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries({ userId, stream: group ?? 'inbox', ...range }))
      search.set(name, String(value));
    const body = await this.#call(
      `/history?${search.toString()}`,
      undefined,
      session === '' ? {} : { session },
    );
    if (!isRecord(body) || !Array.isArray(body['entries'])) throw this.#foreign();
    const stream = streamName(group === undefined ? inboxOf(userId) : groupStream(LOBBY));
    const messages = (body['entries'] as unknown[])
      .filter(isEntry)
      .map((entry) => ({ ...entry, stream, ...(group !== undefined && { group }) }));
    return { messages, more: body['more'] === true };
  }

  async offLine(userId: UserId, session: string): Promise<void> {
    const options = { session, timeoutMs: OFFLINE_MS, waits: false };
    await this.#call('/offLine', { userId, msg: 'offLine' }, options);
  }

  async #call(path: string, body?: object, options?: AskOptions): Promise<unknown> {
    return (await this.#ask(path, body, options)).body;
  }

  /** @returns `more`: the list goes on after the last of these */
  async #ask(
    path: string,
    body?: object,
    options: AskOptions = {},
  ): Promise<{ body: unknown; more: boolean }> {
    const { session, timeoutMs = this.#timeoutMs, waits = true } = options;
    const ask = async (): Promise<{ text: string; retryAfterMs: number; more: boolean }> => {
      const response = await fetch(this.#url + path, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(session !== undefined && { authorization: `Bearer ${session}` }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      const retryAfterMs = 1_000 * (Number(response.headers.get('retry-after')) || 0);
      const more = response.headers.get('x-cim-more') === 'true';
      return { text: await response.text(), retryAfterMs, more };
    };
    const answered = waits ? this.#gate.through(ask, timeoutMs) : ask();
    const { text, retryAfterMs, more } = await answered.catch((error: unknown) => {
      throw this.#unreachable(error, timeoutMs);
    });
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      throw this.#foreign();
    }
    if (!isRecord(answer) || typeof answer['code'] !== 'string') throw this.#foreign();
    if (answer['code'] === CODES.success.code) return { body: answer['dataBody'], more };
    throw new CimError(codeNameOf(answer['code']), oneLine(answer['message'], answer['code']), {
      retryAfterMs,
    });
  }

  #unreachable(error: unknown, timeoutMs: number): CimError {
    const why = failureText(error, timeoutMs);
    return new CimError(
      'failure',
      `cannot reach the route at ${this.#url}: ${why}; is the server running? (npm start)`,
      { cause: error },
    );
  }

  #foreign(): CimError {
    return new CimError('failure', `what answers at ${this.#url} is not a CIM route; check the address`);
  }
}

function placeOf(body: unknown): Place | undefined {
  if (!isRecord(body)) return undefined;
  const { ip, cimServerPort, ticket, session, epoch } = body;
  if (typeof ip !== 'string' || typeof cimServerPort !== 'number' || typeof ticket !== 'string')
    return undefined;
  if (typeof session !== 'string' || typeof epoch !== 'number') return undefined;
  return { host: ip, tcpPort: cimServerPort, ticket, session, epoch: epoch as Epoch };
}

/** Without the slashes at its end. */
function withoutSlashes(url: string): string {
  let end = url.length;
  while (url[end - 1] === '/') end--;
  return url.slice(0, end);
}

/** What went wrong with a connection, in a few words for a person. */
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

const codeNameOf = (code: string): CodeName =>
  (Object.keys(CODES) as CodeName[]).find((name) => CODES[name].code === code) ?? 'failure';

const oneLine = (text: unknown, fallback: string): string =>
  typeof text === 'string' && text !== '' ? text.split(/[\r\n]/, 1)[0]?.slice(0, 300) || fallback : fallback;

function isEntry(value: unknown): value is HistoryEntry {
  if (!isRecord(value) || !isRecord(value['from'])) return false;
  const { seq, id, from, texts, storedAt } = value;
  return (
    isSeq(seq) &&
    typeof id === 'string' &&
    typeof storedAt === 'number' &&
    isUserId(from['userId']) &&
    typeof from['userName'] === 'string' &&
    Array.isArray(texts) &&
    texts.every((text) => typeof text === 'string')
  );
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
