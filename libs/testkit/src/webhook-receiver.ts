/** A receiver of events: a real HTTP server that a test tells how to behave. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** An event as a request has it. */
export interface ToldEvent {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A request, and when it came. */
export interface Got {
  readonly events: readonly ToldEvent[];
  readonly headers: IncomingMessage['headers'];
  readonly path: string;
  readonly at: number;
}

export type Behave = (got: Got, response: ServerResponse, nth: number) => void | Promise<void>;
export const takes: Behave = (_, response) => void response.writeHead(204).end();
export const answers =
  (status: number, headers: Record<string, string> = {}): Behave =>
  (_, response) =>
    void response.writeHead(status, headers).end();

export class Receiver {
  /** All requests, in the order in which they came. */
  readonly got: Got[] = [];
  /** Events of requests that were answered with 2xx, in the order of the answers. */
  readonly taken: ToldEvent[] = [];
  behave: Behave;
  /** Conversations that had two requests under way at once, which is a fault. */
  readonly overlaps: string[] = [];
  readonly #underWay = new Set<string>();
  readonly #secret: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  /** @param secret each request must be signed with it */
  constructor(secret: string, behave: Behave = takes) {
    this.#secret = secret;
    this.behave = behave;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  async start(): Promise<this> {
    const server = createServer((request, response) => void this.#receive(request, response));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** Ends as a crash does: all connections are reset. */
  async crash(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise((resolve) => server?.close(resolve));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#underWay.clear();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server !== undefined) await this.crash();
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    // Its sender or this receiver was killed meanwhile.
    if (body === undefined) return;
    assertSigned(this.#secret, request.headers, body);
    const parsed = JSON.parse(body) as ToldEvent;
    const events = 'batch' === parsed.type ? (parsed.data as unknown as ToldEvent[]) : [parsed];
    const got: Got = { events, headers: request.headers, path: request.url ?? '', at: Date.now() };
    this.got.push(got);
    const conversations = [...new Set(events.map(conversationOf))];
    for (const one of conversations) {
      if (this.#underWay.has(one)) this.overlaps.push(one);
      this.#underWay.add(one);
    }
    response.once('close', () => {
      for (const one of conversations) this.#underWay.delete(one);
    });
    response.once('finish', () => {
      if (response.statusCode < 300) this.taken.push(...events);
    });
    await this.behave(got, response, this.got.length);
  }
}

/** The conversation of an event, as a receiver finds it. Events about no message have one of their own each. */
export function conversationOf({ id, data }: ToldEvent): string {
  if (!('from' in data)) return id;
  const { from, to } = data as { from: { id: string }; to: { user?: string; group?: string } };
  return to.group === undefined ? [from.id, to.user].sort().join('-') : `g${to.group}`;
}

/**
 * The line of an event: what one user says to another, or all that is said in a group. Events of a line keep
 * their order.
 */
export function lineOf({ data }: ToldEvent): string {
  const { from, to } = data as { from: { id: string }; to: { user?: string; group?: string } };
  return to.group === undefined ? `u${from.id}-u${to.user ?? ''}` : `g${to.group}`;
}

/** Undefined: the connection ended in the middle of it. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of request) pieces.push(piece as Buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') return undefined;
    throw error;
  }
  return Buffer.concat(pieces).toString();
}

function assertSigned(secret: string, headers: IncomingMessage['headers'], body: string): void {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  const expected = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  assert.ok(String(headers['webhook-signature']).split(' ').includes(expected), 'the signature is wrong');
}

/**
 * Compares the events that a receiver has taken with the stored messages, given as the ids of each line in
 * their order. Events may come twice. None may be missing, and the events of a line come in order.
 */
export function faultsOf(
  taken: readonly ToldEvent[],
  stored: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  const faults: string[] = [];
  for (const [line, ids] of stored) {
    const seen = new Set<string>();
    let newest = -1;
    for (const event of taken) {
      if (lineOf(event) !== line) continue;
      const id = String((event.data as { id: unknown }).id);
      if (seen.has(id)) continue;
      seen.add(id);
      const at = ids.indexOf(id);
      if (at === -1) faults.push(`${line}: ${id} was never stored`);
      if (at < newest) faults.push(`${line}: ${id} came behind a later one`);
      newest = Math.max(newest, at);
    }
    for (const id of ids) if (!seen.has(id)) faults.push(`${line}: ${id} is missing`);
  }
  return faults;
}
