import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TlsOptions } from '@cim/client/node';
import { trustOf } from '../trust.ts';

const TRIES = 3;
const AGAIN_MS = 500;
const TIMEOUT_MS = 20_000;

/** The words of a call are wrong: exit code 2. */
export class UsageError extends Error {}
/** No route answers: exit code 3. */
export class NotReachable extends Error {}
/** The route has refused: exit code 1. */
export class Refused extends Error {
  readonly status: number;
  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

export type Json = Readonly<Record<string, unknown>>;

export interface ScriptAccount {
  readonly route: string;
  readonly name: string;
  readonly password: string;
  /** Token or API key. */
  readonly token: string;
  /** State of the terminal chat of that name, which may have a session; it is read, and never written. */
  readonly chatState: string;
  /** File of authorities that the route is checked by (PEM); '' for those that Node knows. */
  readonly tlsCa: string;
}

/**
 * The route's `/v1`, for one script. It opens no connection to an im-server, so that no message counts as delivered to it. It
 * uses a token or an API key where there is one, else the session of the chat of that name on this machine, else one of its
 * own, which `end` ends.
 */
export class ScriptApi {
  readonly #account: ScriptAccount;
  readonly #trust: Pick<TlsOptions, 'ca'>;
  #bearer: string;
  /** The bearer is the session of the chat: it may have ended. */
  #isBorrowed: boolean;
  #ownDevice: string | undefined;

  constructor(account: ScriptAccount) {
    this.#account = account;
    this.#trust = trustOf({ tlsCa: account.tlsCa, insecure: false });
    this.#bearer = account.token === '' ? sessionOf(account.chatState) : account.token;
    this.#isBorrowed = account.token === '' && this.#bearer !== '';
  }

  /** Repeats a call whose answer was lost; a call that makes something has to have a key. @throws {Refused | NotReachable} */
  async ask(method: string, path: string, body?: object, key?: string): Promise<Json> {
    if (this.#bearer === '') await this.#login();
    try {
      return await this.#call(method, path, body, key);
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 401 || !this.#isBorrowed) throw error;
      await this.#login();
      return this.#call(method, path, body, key);
    }
  }

  /** All items of a list, up to `most`. */
  async list(path: string, most: number): Promise<Json[]> {
    const items: Json[] = [];
    let after: string | undefined;
    while (items.length < most) {
      const page = await this.ask('GET', `${path}?limit=100${after === undefined ? '' : `&after=${after}`}`);
      if (Array.isArray(page['items'])) items.push(...(page['items'] as Json[]));
      if (typeof page['next'] !== 'string') break;
      after = encodeURIComponent(page['next']);
    }
    return items.slice(0, most);
  }

  /** Ends a session that was made for this script. */
  async end(): Promise<void> {
    if (this.#ownDevice === undefined) return;
    await this.#call('DELETE', `/sessions/${this.#ownDevice}`).catch(() => undefined);
  }

  async #login(): Promise<void> {
    const { name, password } = this.#account;
    this.#isBorrowed = false;
    this.#bearer = '';
    const proof = { name, ...(password !== '' && { password }) };
    // Makes the account, or finds that it is there with this password.
    await this.#call('POST', '/accounts', proof);
    const device = `cim-script-${randomBytes(12).toString('hex')}`;
    const { secret } = await this.#call('POST', '/sessions', { ...proof, device, label: 'cim script' });
    this.#bearer = String(secret);
    this.#ownDevice = device;
  }

  async #call(method: string, path: string, body?: object, key?: string): Promise<Json> {
    const { route } = this.#account;
    for (let tries = 1; ; tries++) {
      let response: Answer;
      try {
        response = await exchange(`${route}/v1${path}`, this.#trust, {
          method,
          headers: {
            ...(this.#bearer !== '' && { authorization: `Bearer ${this.#bearer}` }),
            ...(body !== undefined && { 'content-type': 'application/json' }),
            ...(key !== undefined && { 'idempotency-key': key }),
          },
          body: body === undefined ? undefined : JSON.stringify(body),
        });
      } catch (error) {
        if (tries < TRIES) {
          await sleep(AGAIN_MS * tries);
          continue;
        }
        const { code } = error as { code?: unknown };
        const why = typeof code === 'string' ? ` (${code})` : '';
        throw new NotReachable(`cannot reach the route at ${route}${why}; is the server running?`);
      }
      if (response.status === 503 && tries < TRIES) {
        await sleep(AGAIN_MS * tries);
        continue;
      }
      const answer = parsed(response.text);
      if (response.status >= 200 && response.status < 300) return answer;
      const { detail } = answer;
      throw new Refused(response.status, typeof detail === 'string' ? detail : `HTTP ${response.status}`);
    }
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/**
 * One request. It follows no redirect, which would show a password to another host; certificates are always checked, and by the
 * authorities that are given.
 */
function exchange(
  url: string,
  { ca }: Pick<TlsOptions, 'ca'>,
  { body, ...options }: { method: string; headers: Record<string, string>; body: string | undefined },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const isTls = new URL(url).protocol === 'https:';
    const trust = { ...(ca !== undefined && { ca: Buffer.from(ca) }), rejectUnauthorized: true };
    const request = (isTls ? tlsRequest : plainRequest)(
      url,
      { ...options, ...(isTls && trust), signal: AbortSignal.timeout(TIMEOUT_MS) },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        answer.once('error', reject);
        answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      },
    );
    request.once('error', reject);
    request.end(body);
  });
}

function parsed(text: string): Json {
  try {
    const value: unknown = JSON.parse(text === '' ? '{}' : text);
    return typeof value === 'object' && value !== null ? (value as Json) : {};
  } catch {
    return {};
  }
}

/** The session secret of a chat; '' when there is none. */
function sessionOf(path: string): string {
  try {
    const { session } = JSON.parse(readFileSync(path, 'utf8')) as { session?: unknown };
    return typeof session === 'string' ? session : '';
  } catch {
    return '';
  }
}
