import { CimError, CODES } from '@cim/protocol';
import { HttpCaller, isRecord, refusal } from './http-caller.ts';
import { randomId } from './producer-ids.ts';
import type { Timers } from './timers.ts';

/** Tries of a request that creates something, while no answer comes, and the time between them [ms]. */
const CREATE_TRIES = 3;
const CREATE_AGAIN_MS = 500;

/** The query of a path; undefined values are left out. */
export type Query = Readonly<Record<string, string | number | undefined>>;

/**
 * The route's `/v1` for the user of a session. Rejects only with `CimError`, with the code and the detail of
 * the problem.
 */
export class V1Api {
  readonly #http: HttpCaller;
  readonly #secret: () => string;
  readonly #timers: Pick<Timers, 'after'>;

  /** @param secret answers the secret of the session; '' when there is none */
  constructor(http: HttpCaller, secret: () => string, timers: Pick<Timers, 'after'>) {
    this.#http = http;
    this.#timers = timers;
    this.#secret = secret;
  }

  get(path: string, query: Query = {}): Promise<Record<string, unknown>> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) search.set(name, String(value));
    return this.call('GET', search.size === 0 ? path : `${path}?${search.toString()}`);
  }

  /** @returns the answer; empty when it has no body */
  async call(method: string, path: string, body?: object, key?: string): Promise<Record<string, unknown>> {
    const session = this.#secret();
    if (session === '') throw new CimError('failure', 'there is no session; connect() comes first');
    const answer = await this.#http.ask(`/v1${path}`, { method, body, session, key });
    const given = answer.body ?? {};
    if (!isRecord(given)) throw this.#http.foreign();
    if (answer.status < 300) return given;
    const { code, detail } = given;
    if (typeof code === 'string' && typeof detail === 'string')
      throw refusal(code, detail, answer.retryAfterMs);
    throw new CimError(
      'failure',
      `the route at ${this.#http.url} does not know this call (HTTP ${answer.status}); is it of an older version?`,
    );
  }

  /**
   * Creates something once: a request whose answer was lost is repeated under the same key.
   * @param key of a caller that may repeat the call; absent: a new key for this call
   */
  async create(path: string, body: object, key = randomId(18)): Promise<Record<string, unknown>> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.call('POST', path, body, key);
      } catch (error) {
        const mayBeDone = error instanceof CimError && error.code === CODES.failure.code;
        if (!mayBeDone || tries === CREATE_TRIES || this.#secret() === '') throw error;
        const afterMs = Math.max(error.retryAfterMs, CREATE_AGAIN_MS);
        await new Promise<void>((resolve) => this.#timers.after(afterMs, resolve));
      }
    }
  }

  /** The items of an answer, each parsed by `read`. @throws {CimError} when one of them is not valid */
  listOf<T>(answer: Record<string, unknown>, read: (item: unknown) => T | undefined): T[] {
    const { items } = answer;
    if (!Array.isArray(items)) throw this.#http.foreign();
    return items.map((item) => this.oneOf(item, read));
  }

  /** The answer, parsed by `read`. @throws {CimError} when it is not valid */
  oneOf<T>(answer: unknown, read: (item: unknown) => T | undefined): T {
    const item = read(answer);
    if (item === undefined) throw this.#http.foreign();
    return item;
  }
}
