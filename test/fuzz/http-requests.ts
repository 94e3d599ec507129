/**
 * Hostile HTTP requests, byte by byte. The paths and their parameters come from the description that the
 * server itself gives.
 */
import type { Dice } from './dice.ts';
import { hostileBytes, hostileJson, hostileNumber, hostileText, mutated } from './values.ts';
import type { World } from './world.ts';

interface Operation {
  readonly method: string;
  readonly path: string;
  /** Names of the fields that the body may have. */
  readonly fields: readonly string[];
  readonly query: readonly string[];
}

interface Described {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: {
    readonly content?: Record<
      string,
      { readonly schema?: { readonly properties?: Record<string, unknown> } }
    >;
  };
}

/** Reads operations from an OpenAPI document. */
export function operationsOf(document: {
  readonly paths: Record<string, Record<string, Described>>;
}): readonly Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({
      method: method.toUpperCase(),
      path,
      fields: Object.keys(described.requestBody?.content?.['application/json']?.schema?.properties ?? {}),
      query: (described.parameters ?? []).filter((one) => one.in === 'query').map(({ name }) => name),
    })),
  );
}

/** Operations that no document describes. */
const OTHERS: readonly Operation[] = [
  { method: 'GET', path: '/healthz', fields: [], query: [] },
  { method: 'GET', path: '/readyz', fields: [], query: [] },
  { method: 'GET', path: '/', fields: [], query: [] },
  { method: 'GET', path: '/documentation/static/..%2f..%2fpackage.json', fields: [], query: [] },
  { method: 'TRACE', path: '/login', fields: [], query: [] },
  { method: 'PROPFIND', path: '/v1/users', fields: [], query: [] },
];
export const OF_OPERATORS: readonly Operation[] = [
  { method: 'GET', path: '/admin/servers', fields: [], query: [] },
  { method: 'GET', path: '/admin/bans', fields: [], query: [] },
  { method: 'PUT', path: '/admin/bans/{subject}', fields: ['seconds', 'reason'], query: [] },
  { method: 'DELETE', path: '/admin/bans/{subject}', fields: [], query: [] },
  { method: 'GET', path: '/admin/api-keys', fields: [], query: [] },
  { method: 'POST', path: '/admin/api-keys', fields: ['label', 'scopes', 'days', 'user', 'name'], query: [] },
  { method: 'POST', path: '/admin/api-keys/{id}/rotate', fields: ['overlapHours'], query: [] },
  { method: 'DELETE', path: '/admin/api-keys/{id}', fields: [], query: [] },
  { method: 'GET', path: '/metrics', fields: [], query: [] },
  { method: 'GET', path: '/documentation/json', fields: [], query: [] },
];
export const OF_SERVERS: readonly Operation[] = [
  { method: 'POST', path: '/sendMsg', fields: ['userId', 'msg', 'batchMsg', 'properties'], query: [] },
  { method: 'GET', path: '/healthz', fields: [], query: [] },
  { method: 'GET', path: '/readyz', fields: [], query: [] },
];

/** The credentials that requests show. */
export interface Credentials {
  readonly bearers: readonly string[];
}

export class Requests {
  readonly #dice: Dice;
  readonly #world: World;
  readonly #operations: readonly Operation[];
  readonly #credentials: Credentials;

  constructor(dice: Dice, world: World, operations: readonly Operation[], credentials: Credentials) {
    this.#dice = dice;
    this.#world = world;
    this.#operations = [...operations, ...OTHERS];
    this.#credentials = credentials;
  }

  /**
   * The next request. `method` decides whether its answer has a body. `whole`: every server answers the
   * request, or closes the connection.
   */
  next(): { readonly method: string; readonly bytes: Buffer; readonly whole: boolean } {
    const dice = this.#dice;
    const operation = dice.pick(this.#operations);
    const method = dice.percent(93)
      ? operation.method
      : dice.pick(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);
    const hasBody = dice.percent(method === 'GET' || method === 'HEAD' ? 5 : 93);
    const body = hasBody ? this.#body(operation) : undefined;
    const head = [`${method} ${this.#target(operation)} HTTP/1.1`, 'Host: 127.0.0.1', ...this.#headers(body)];
    const whole = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), this.#asSent(head, body)]);
    if (dice.percent(6)) return { method, bytes: mutated(dice, whole), whole: false };
    const isOdd = head.some((line) => /^(Transfer-Encoding|Expect|Upgrade):/.test(line));
    const lengths = head.filter((line) => line.startsWith('Content-Length:'));
    const isLong = lengths.some((line) => line !== `Content-Length: ${body?.length ?? 0}`);
    return { method, bytes: whole, whole: !isOdd && !isLong };
  }

  #target({ path, query }: Operation): string {
    const dice = this.#dice;
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => this.#inPath(name));
    const asked = query
      .filter(() => dice.percent(60))
      .map((name) => `${name}=${encode(plain(this.#value(name)))}`)
      .concat(dice.percent(5) ? [`${encode(hostileText(dice))}=${encode(hostileText(dice))}`] : []);
    const target = `${filled}${asked.length > 0 ? `?${asked.join('&')}` : ''}`;
    return dice.percent(97)
      ? target
      : dice.pick([
          '*',
          '//',
          '/%',
          '/%ff',
          '/%00',
          `/${'a/'.repeat(2_000)}`,
          'http://evil/x',
          target.toUpperCase(),
        ]);
  }

  #inPath(name: string): string {
    const dice = this.#dice;
    const user = dice.pick(this.#world.userIds);
    // Nobody who takes part may be suspended, since that would end the fuzz.
    if (name === 'subject')
      return encode(
        dice.pick([
          'user:9999999',
          'address:192.0.2.1',
          'address:2001:db8::/64',
          'address:',
          'user:',
          hostileText(dice),
        ]),
      );
    const good =
      name === 'conversation'
        ? dice.pick([`u${user}`, `g${dice.pick(this.#world.groups)}`])
        : dice.pick([
            String(user),
            dice.pick(this.#world.groups),
            `u${user}`,
            `g${dice.pick(this.#world.groups)}`,
            `user:${user}`,
          ]);
    return dice.percent(75)
      ? good
      : encode(dice.percent(50) ? hostileText(dice) : String(hostileNumber(dice)));
  }

  #headers(body: Buffer | undefined): readonly string[] {
    const dice = this.#dice;
    const lines: string[] = [];
    if (dice.percent(80)) lines.push(`Authorization: ${this.#authorization()}`);
    if (body !== undefined)
      lines.push(
        `Content-Type: ${dice.percent(92) ? 'application/json' : dice.pick(['text/plain', 'application/json; charset=utf-16', 'multipart/form-data', 'application/x-www-form-urlencoded', '', ';;', 'application/json;'.repeat(50)])}`,
      );
    if (dice.percent(20))
      lines.push(`Idempotency-Key: ${dice.pick(['k', 'same', headerText(dice), 'x'.repeat(300)])}`);
    if (dice.percent(10))
      lines.push(`X-CIM-From: ${dice.pick([String(dice.pick(this.#world.userIds)), headerText(dice)])}`);
    if (dice.percent(10))
      lines.push(`X-Forwarded-For: ${dice.pick(['1.2.3.4', 'x, y', '::1', ','.repeat(300)])}`);
    if (dice.percent(4))
      lines.push(
        dice.pick([
          `X-Long: ${'x'.repeat(dice.pick([8_000, 20_000]))}`,
          'Expect: 100-continue',
          'Upgrade: websocket',
          'Host: evil.example',
          'Connection: close',
          'Content-Length: 3',
          'Accept: */*;q=x',
          `Range: bytes=${hostileNumber(dice)}-`,
          'Content-Encoding: gzip',
        ]),
      );
    if (body !== undefined)
      lines.push(dice.percent(90) ? `Content-Length: ${body.length}` : 'Transfer-Encoding: chunked');
    else if (dice.percent(3)) lines.push(`Content-Length: ${dice.pick(['0', '-1', 'x', '99999999999'])}`);
    return lines;
  }

  #authorization(): string {
    const dice = this.#dice;
    const { bearers } = this.#credentials;
    if (bearers.length > 0 && dice.percent(85)) return `Bearer ${dice.pick(bearers)}`;
    return dice.pick([
      'Bearer',
      'Bearer ',
      'Basic YTpi',
      'Bearer a.b.c',
      'Bearer eyJhbGciOiJub25lIn0.e30.',
      `Bearer cim_${'A'.repeat(16)}_${'B'.repeat(43)}`,
      `Bearer ${headerText(dice)}`,
      `Bearer ${'x'.repeat(7_000)}`,
    ]);
  }

  #asSent(head: readonly string[], body: Buffer | undefined): Buffer {
    const dice = this.#dice;
    if (body === undefined) return Buffer.alloc(0);
    if (!head.includes('Transfer-Encoding: chunked')) return body;
    if (dice.percent(10))
      return Buffer.from(
        dice.pick(['zz\r\n', '-1\r\n\r\n', '0\r\n', 'ffffffffffffffff\r\n', '5;ext=1\r\nab']),
      );
    const cut = dice.below(body.length + 1);
    const chunks = [body.subarray(0, cut), body.subarray(cut)].filter(({ length }) => length > 0);
    return Buffer.concat([
      ...chunks.flatMap((chunk) => [
        Buffer.from(`${chunk.length.toString(16)}\r\n`),
        chunk,
        Buffer.from('\r\n'),
      ]),
      Buffer.from('0\r\n\r\n'),
    ]);
  }

  #body({ fields }: Operation): Buffer {
    const dice = this.#dice;
    const chance = dice.below(100);
    if (chance < 4) return Buffer.from(hostileJson(dice));
    if (chance < 6) return hostileBytes(dice);
    if (chance < 7)
      return Buffer.from(
        JSON.stringify({ msg: 'z'.repeat(dice.pick([100_000, 262_143, 262_144, 300_000])) }),
      );
    const body: Record<string, unknown> = {};
    for (const field of fields) if (dice.percent(80)) body[field] = this.#value(field);
    if (dice.percent(5)) body[hostileText(dice)] = hostileText(dice);
    const text = Buffer.from(stringified(body));
    return dice.percent(8) ? mutated(dice, text) : text;
  }

  /** Mostly a value that a field of that name takes. */
  #value(field: string): unknown {
    const dice = this.#dice;
    if (dice.percent(18)) return this.#anything();
    const user = dice.pick(this.#world.hostile);
    switch (field) {
      case 'userName':
      case 'name':
        return dice.percent(50) ? user.userName : hostileText(dice);
      case 'to':
        return dice.percent(50)
          ? { user: String(dice.pick(this.#world.userIds)) }
          : { group: dice.pick(this.#world.groups) };
      case 'texts':
      case 'batchMsg':
        return Array.from({ length: dice.pick([0, 1, 2, 100, 101]) }, () => hostileText(dice));
      case 'userId':
      case 'id':
        return dice.percent(50) ? user.userId : String(user.userId);
      case 'receiveUserId':
        return dice.pick(this.#world.userIds);
      case 'users':
        return Array.from({ length: dice.pick([0, 1, 3, 600]) }, () =>
          String(dice.pick(this.#world.userIds)),
        );
      case 'user':
        return String(dice.pick(this.#world.userIds));
      case 'ref':
        return this.#world.messageId(dice);
      case 'join':
        return dice.pick(['open', 'invite']);
      case 'role':
        return dice.pick(['owner', 'admin', 'member']);
      case 'muted':
        return dice.percent(50);
      case 'device':
        return dice.percent(70) ? 'fuzz-device-0-http' : hostileText(dice);
      case 'wire':
        return 2;
      case 'type':
        return dice.pick(['', 'json', 'recall', 'edit', 'reaction', 'member', 'app.x']);
      case 'limit':
        return dice.between(1, 100);
      case 'before':
      case 'after':
      case 'n':
      case 'seconds':
      case 'days':
      case 'overlapHours':
        return dice.between(0, 1_000);
      case 'scopes':
        return dice.percent(50) ? ['send', 'read'] : [hostileText(dice)];
      case 'stream':
        return dice.pick(['inbox', 'lobby']);
      case 'properties':
        return { sendUserId: String(user.userId), [hostileText(dice)]: hostileText(dice) };
      default:
        return hostileText(dice);
    }
  }

  #anything(depth = 0): unknown {
    const dice = this.#dice;
    return dice.pick<() => unknown>([
      () => null,
      () => dice.percent(50),
      () => Number(hostileNumber(dice)),
      () => dice.pick([0.5, -0, 1e308, -1e-308]),
      () => hostileText(dice),
      () => String(hostileNumber(dice)),
      () => (depth > 3 ? [] : [this.#anything(depth + 1)]),
      () => (depth > 3 ? {} : { [hostileText(dice)]: this.#anything(depth + 1) }),
      () => '\ud800',
    ])();
  }
}

const plain = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
const encode = (text: string): string => encodeURIComponent(text.toWellFormed());

/** Makes a text fit into one header line. HTTP itself is mutated elsewhere. */
const headerText = (dice: Dice): string =>
  Buffer.from(hostileText(dice).replaceAll(/[\r\n]/g, '')).toString('latin1');

/** JSON with `__proto__` as an ordinary field. */
const stringified = (body: Record<string, unknown>): string =>
  JSON.stringify(body, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
