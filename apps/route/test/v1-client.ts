/** Calls `/v1` or `/admin` of a running route, and checks each answer against the OpenAPI document. */
import assert from 'node:assert/strict';
import { Compile } from 'typebox/schema';
import type { Route } from '../src/compose.ts';

export interface V1Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Undefined when the answer has no body. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

interface DocumentedAnswer {
  readonly description: string;
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}
export interface DocumentedOperation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly object[];
  readonly responses: Readonly<Record<string, DocumentedAnswer>>;
}
export type OpenApi = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
};

export class V1Client {
  readonly document: OpenApi;
  /** Every request that was made, such as `POST /v1/messages 201`. */
  readonly driven = new Set<string>();
  readonly #url: string;
  readonly #base: string;
  /** The credential that is shown unless a request names another one. */
  readonly #secret: string | undefined;

  private constructor(url: string, document: OpenApi, base = '/v1', secret?: string) {
    this.#url = url;
    this.#base = base;
    this.#secret = secret;
    this.document = document;
  }

  static async of({ url, internal }: Route): Promise<V1Client> {
    return new V1Client(url, (await (await fetch(`${internal.url}/documentation/json`)).json()) as OpenApi);
  }

  /** A client of `/admin`. */
  static async ofAdmin({ internal: { url } }: Route, token: string): Promise<V1Client> {
    const answer = await fetch(`${url}/admin/openapi.json`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return new V1Client(url, (await answer.json()) as OpenApi, '/admin', token);
  }

  get(path: string, secret?: string): Promise<V1Answer> {
    return this.ask('GET', path, undefined, secret);
  }

  post(
    path: string,
    body: unknown,
    secret?: string,
    headers: Record<string, string> = {},
  ): Promise<V1Answer> {
    return this.ask('POST', path, body, secret, headers);
  }

  /** Sends a request. A body that is text or bytes is sent unchanged. */
  async ask(
    method: string,
    path: string,
    body?: unknown,
    secret = this.#secret,
    headers: Record<string, string> = {},
  ): Promise<V1Answer> {
    const answer = await fetch(`${this.#url}${this.#base}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : {
            body:
              typeof body === 'string' || body instanceof Uint8Array
                ? (body as string)
                : JSON.stringify(body),
          }),
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
        ...headers,
      },
    });
    const text = await answer.text();
    const given = { status: answer.status, headers: answer.headers, text };
    this.#compare(method, path, given);
    return {
      status: answer.status,
      headers: answer.headers,
      body: text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>),
    };
  }

  /** Makes an account and logs it in. */
  async join(name: string, password?: string): Promise<{ id: string; name: string; secret: string }> {
    const account = await this.post('/accounts', { name, password });
    assert.equal(account.status, 201, JSON.stringify(account.body));
    const session = await this.post('/sessions', { name, password });
    assert.equal(session.status, 201, JSON.stringify(session.body));
    return { id: String(account.body?.['id']), name, secret: String(session.body?.['secret']) };
  }

  /**
   * Checks that every operation under these tags is described, and has given each answer that is not a
   * problem.
   */
  assertDriven(...tags: string[]): void {
    const operations = Object.entries(this.document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        path,
        method: method.toUpperCase(),
        operation,
      })),
    );
    for (const tag of tags)
      assert.ok(
        operations.some(({ operation }) => operation.tags?.includes(tag)),
        tag,
      );
    for (const { path, method, operation } of operations) {
      if (!operation.tags?.some((tag) => tags.includes(tag))) continue;
      assert.ok(operation.summary && operation.security, `${method} ${path} is not described`);
      for (const status of Object.keys(operation.responses).filter((status) => status.startsWith('2')))
        assert.ok(
          this.driven.has(`${method} ${path} ${status}`),
          `${method} ${path} never answered ${status}`,
        );
    }
  }

  #compare(method: string, path: string, answer: { status: number; headers: Headers; text: string }): void {
    const { status, headers, text } = answer;
    const saying = `${method} ${path}: ${status} ${text}`;
    if (status >= 400) {
      const problem = JSON.parse(text) as Record<string, unknown>;
      assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/, saying);
      assert.equal(problem['status'], status, saying);
      assert.doesNotMatch(String(problem['detail']), /\n/);
      assert.equal(headers.has('www-authenticate'), status === 401, saying);
      assert.equal(headers.has('retry-after'), status === 429 || status === 503, saying);
    }
    const [pattern, operations] = this.#pathOf(path) ?? [];
    const operation = operations?.[method.toLowerCase()];
    if (operation === undefined) {
      assert.ok(status === 404 || status === 405, `not documented: ${saying}`);
      return;
    }
    this.driven.add(`${method} ${pattern ?? ''} ${status}`);
    const documented = operation.responses[status];
    assert.ok(documented, `this status is not documented: ${saying}`);
    const type = headers.get('content-type')?.split(';')[0] ?? '';
    const schema = documented.content?.[type]?.schema;
    if (schema === undefined) {
      assert.equal(text, '', `a body is not documented: ${saying}`);
      return;
    }
    const wrong = Compile(closed(schema) as object).Errors(JSON.parse(text));
    assert.deepEqual(wrong[1], [], `not as documented: ${saying}`);
  }

  #pathOf(path: string): [string, OpenApi['paths'][string]] | undefined {
    const given = `${this.#base}${path}`.split('?')[0]?.split('/') ?? [];
    return Object.entries(this.document.paths)
      .filter(([pattern]) => {
        const parts = pattern.split('/');
        return (
          parts.length === given.length && parts.every((part, i) => part.startsWith('{') || part === given[i])
        );
      })
      .sort(([a], [b]) => a.split('{').length - b.split('{').length)[0];
  }
}

/** The schema with all objects closed, so that an answer with an undocumented field fails. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return 'properties' in schema ? { ...copy, additionalProperties: false } : copy;
}
