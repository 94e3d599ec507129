import {
  CimError,
  CODES,
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
import type { HistoryPage, HistoryQuery, KeptMessage } from './events.ts';
import { type HttpCaller, type HttpRequest, isRecord, refusal } from './http-caller.ts';
import type { Address } from './transport.ts';

/** The answer of a login: the im-server to connect to, and the secrets that open it. */
export interface Place {
  readonly address: Address;
  /** For the login at the im-server; valid once, for 20 s. */
  readonly ticket: string;
  /** Secret that lets the next login replace this session. */
  readonly session: string;
  readonly epoch: Epoch;
}

/** The proof of a user's identity, besides the secret of a session. */
export interface Proof {
  readonly password?: string;
  readonly token?: string;
}

export interface Login extends Proof {
  readonly userId: UserId;
  readonly userName: string;
  /** The secret of the session to be replaced. */
  readonly session?: string;
  /** The installation, and its name for people. A route without devices ignores both. */
  readonly device: string;
  readonly label: string;
}

/** An entry of a stream as the route shows it. */
type HistoryEntry = Omit<KeptMessage, 'stream' | 'group'>;

/** Users in one answer. A longer answer would hold up the route and the client. */
const ONLINE_PAGE = 5_000;

/** Longest wait for a goodbye [ms]. */
const OFFLINE_MS = 3_000;

/**
 * CIM's paths of the route that a client needs. Rejects only with `CimError`; its message is one line for a
 * person.
 */
export class RouteApi {
  readonly #http: HttpCaller;

  constructor(http: HttpCaller) {
    this.#http = http;
  }

  /** Registers. @param proof a password, or a token, whose account has its own name */
  async register(userName: string, proof: Proof): Promise<NamedUser> {
    const body = await this.#call('/registerAccount', { userName, ...proof });
    if (!isRecord(body) || !isUserId(body['userId']) || typeof body['userName'] !== 'string')
      throw this.#http.foreign();
    return { userId: body['userId'], userName: body['userName'] };
  }

  async login(login: Login): Promise<Place> {
    const body = await this.#call('/login', { ...login, wire: 2 });
    const place = placeOf(body);
    if (place !== undefined) return place;
    // The user is logged in now, but nobody will use that session: CIM's route keeps it for ever.
    const undone = await this.offLine(login.userId, '').then(
      () => 'nobody is logged in',
      () => `"${login.userName}" stays logged in there, since the logout failed`,
    );
    if (!isRecord(body) || typeof body['cimServerPort'] !== 'number') throw this.#http.foreign();
    throw new CimError(
      'failure',
      `the route at ${this.#http.url} is CIM's own: its logins have no ticket for this client's protocol; use CIM's client there, or this project's route and im-server (${undone})`,
    );
  }

  /** All users online, with as many requests as necessary. */
  async online(session: string): Promise<NamedUser[]> {
    const users: NamedUser[] = [];
    for (let more = true; more; ) {
      const after = users.at(-1)?.userId ?? 0;
      const path = `/onlineUser?limit=${ONLINE_PAGE}&after=${after}`;
      const answer = await this.#ask(path, session === '' ? {} : { session });
      if (!Array.isArray(answer.body)) throw this.#http.foreign();
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
    const path = `/history?${search.toString()}`;
    const { body } = await this.#ask(path, session === '' ? {} : { session });
    if (!isRecord(body) || !Array.isArray(body['entries'])) throw this.#http.foreign();
    const stream = streamName(group === undefined ? inboxOf(userId) : groupStream(LOBBY));
    const messages = (body['entries'] as unknown[])
      .filter(isEntry)
      .map((entry) => ({ ...entry, stream, ...(group !== undefined && { group }) }));
    return { messages, more: body['more'] === true };
  }

  async offLine(userId: UserId, session: string): Promise<void> {
    const body = { userId, msg: 'offLine' };
    await this.#ask('/offLine', { body, session, timeoutMs: OFFLINE_MS, waits: false });
  }

  /** @param password the present one; undefined where the account has none */
  async changePassword(
    userId: UserId,
    session: string,
    password: string | undefined,
    newPassword: string,
  ): Promise<void> {
    await this.#ask('/changePassword', { body: { userId, password, newPassword }, session });
  }

  async #call(path: string, body: object): Promise<unknown> {
    return (await this.#ask(path, { body })).body;
  }

  /** @returns the content of the envelope; `more`: the list goes on after the last of these items */
  async #ask(path: string, request: HttpRequest = {}): Promise<{ body: unknown; more: boolean }> {
    const { body, more, retryAfterMs } = await this.#http.ask(path, request);
    if (!isRecord(body) || typeof body['code'] !== 'string') throw this.#http.foreign();
    if (body['code'] === CODES.success.code) return { body: body['dataBody'], more };
    throw refusal(body['code'], body['message'], retryAfterMs);
  }
}

function placeOf(body: unknown): Place | undefined {
  if (!isRecord(body)) return undefined;
  const { ip, cimServerPort, ticket, session, epoch, url, tls } = body;
  if (typeof ip !== 'string' || typeof cimServerPort !== 'number' || typeof ticket !== 'string')
    return undefined;
  if (typeof session !== 'string' || typeof epoch !== 'number') return undefined;
  const at = { host: ip, port: cimServerPort, ...(tls === true && { tls }) };
  return {
    address: { ...at, ...(typeof url === 'string' && { url }) },
    ticket,
    session,
    epoch: epoch as Epoch,
  };
}

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
