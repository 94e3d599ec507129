import assert from 'node:assert/strict';
import { newName } from '../names.ts';
import { OwnWorld } from '../own/own-world.ts';
import type { Target } from '../rule.ts';

export type Json = Readonly<Record<string, unknown>>;

export interface V1Answer {
  readonly status: number;
  readonly headers: Headers;
  /** `{}` without a body. */
  readonly body: Json;
}

export interface Asking {
  /** Sent as JSON. A text or bytes are sent unchanged. */
  readonly body?: object | string | Uint8Array<ArrayBuffer>;
  /** Shown as `Authorization: Bearer`. */
  readonly secret?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A user who is logged in over `/v1`. */
export interface V1User {
  readonly id: string;
  readonly name: string;
  readonly secret: string;
}

/** Callers of `/v1` for one check, and clients of our wire beside them. */
export class V1World extends OwnWorld {
  readonly #target: Target;
  readonly #users: V1User[] = [];

  constructor(target: Target) {
    super(target);
    this.#target = target;
  }

  /** Makes a request, such as `GET /v1/conversations`, whatever its answer is. */
  readonly call = async (what: string, { body, secret, headers = {} }: Asking = {}): Promise<V1Answer> => {
    const [method = 'GET', path = ''] = what.split(' ');
    const answer = await fetch(`${this.#target.routeUrl}${path}`, {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
        ...headers,
      },
      ...(body !== undefined && {
        body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
      }),
    });
    const text = await answer.text();
    this.#target.dialogue.hearRequest(what, body, answer.status, text);
    return { status: answer.status, headers: answer.headers, body: jsonOf(text) };
  };

  /** Makes a request that has to be answered with this status, and answers its body. */
  readonly gets = async (status: number, what: string, asking?: Asking): Promise<Json> => {
    const answer = await this.call(what, asking);
    assert.equal(
      answer.status,
      status,
      `the status of ${what} (${JSON.stringify(answer.body).slice(0, 200)})`,
    );
    return answer.body;
  };

  /** A new account that is logged in. */
  readonly someone = async (): Promise<V1User> => {
    const name = newName();
    const { id } = await this.gets(201, 'POST /v1/accounts', { body: { name } });
    const { secret } = await this.gets(201, 'POST /v1/sessions', { body: { name } });
    const user = { id: String(id), name, secret: String(secret) };
    this.#users.push(user);
    return user;
  };

  /** Sends a text from one user to another. */
  readonly sends = (from: V1User, to: V1User, text: string, key?: string): Promise<V1Answer> =>
    this.call('POST /v1/messages', {
      body: { to: { user: to.id }, texts: [text] },
      secret: from.secret,
      ...(key !== undefined && { headers: { 'idempotency-key': key } }),
    });

  override async close(): Promise<void> {
    for (const { secret } of this.#users)
      await this.call('DELETE /v1/sessions/default', { secret }).catch(() => undefined);
    await super.close();
  }
}

/** Checks that an answer is a problem: its status, its code, its form, and a detail of one line. */
export function assertProblem(
  { status, headers, body }: V1Answer,
  expected: readonly [status: number, code: string],
  about: string,
): void {
  assert.deepEqual([status, body['code']], expected, about);
  assert.match(
    headers.get('content-type') ?? '',
    /^application\/problem\+json/,
    `${about}: the content type`,
  );
  assert.deepEqual([body['type'], body['status']], [`urn:cim:code:${expected[1]}`, status], about);
  assert.match(String(body['title']), /^[^\n]+$/, `${about}: the title`);
  assert.match(String(body['detail']), /^[^\n]+$/, `${about}: the detail`);
}

/** Items of a list. */
export const itemsOf = (body: Json): readonly Json[] => body['items'] as readonly Json[];
/** All texts of the messages of a list. */
export const textsIn = (body: Json): unknown[] => itemsOf(body).flatMap(({ texts }) => texts ?? []);

function jsonOf(text: string): Json {
  if (text === '') return {};
  try {
    return JSON.parse(text) as Json;
  } catch {
    return { text };
  }
}
