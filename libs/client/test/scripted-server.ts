import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { cim, encodeFrame, FrameDecoder, messageId } from '@cim/protocol';
import type { ProducerId, UserId } from '@cim/protocol';

/** One TCP connection of a client, seen from the server. */
export interface Peer {
  userId: number;
  readonly received: (cim.Frame & cim.Frame.$Shape)[];
  send(frame: cim.Frame.$Properties): void;
  /** Any bytes. */
  raw(bytes: Uint8Array): void;
  cut(): void;
}

/** An answer. `retryAfter` [s] makes it a 503; `more` says that a list goes on. */
type HttpAnswer = {
  code: string;
  message?: string;
  dataBody?: unknown;
  retryAfter?: number;
  more?: boolean;
};

interface V1Answer {
  /** Default: 200. 0: the request is carried out, and its answer is lost. */
  readonly status?: number;
  readonly answer?: object;
}

/** PEM of those that speak TLS. */
interface ScriptedTls {
  readonly route?: { readonly cert: string; readonly key: string };
  readonly server?: { readonly cert: string; readonly key: string };
}

/**
 * A route and an im-server in memory, for one client under test: streams without limits, recorded acks, every
 * answer replaceable. Other tests use real servers.
 */
export class ScriptedServer {
  readonly peers: Peer[] = [];
  /** HTTP requests in order. */
  readonly requests: {
    method: string;
    path: string;
    body: Record<string, unknown>;
    authorization: string | undefined;
    key: string | string[] | undefined;
  }[] = [];
  readonly logs = new Map<string, cim.Entry[]>();
  readonly acks: { group: string; seq: number }[] = [];
  /** Replaces an HTTP answer. */
  http: (path: string, body: Record<string, unknown>) => HttpAnswer | undefined = () => undefined;
  /** The answer of `/v1`, by method and path. */
  v1: (call: string, body: Record<string, unknown>) => V1Answer = () => ({ status: 404 });
  /** Replaces the answer to a send; `taken` gives the default one. */
  onSend: (peer: Peer, send: cim.Send, taken: () => void) => void = (_peer, _send, taken) => taken();
  /** The stored part of a counter that is asked about; default: all of it. Undefined: no answer. */
  has: (counter: cim.Counter) => number | undefined = ({ counter }) => counter;
  /** Whether the store has forgotten producers: a repeated first counter may have been stored. */
  forgetful = false;
  /** When the oldest kept entry was stored; 0: nothing was trimmed. */
  oldestAt = 0;
  /**
   * Whether private messages are copied into their sender's inbox, and whether the receipt or an entry
   * delivers the copy.
   */
  copies: 'none' | 'by-receipt' | 'by-entry' = 'none';
  /** Key: user id. Value: the acked seq of the inbox. No answer for others. */
  readonly inboxAt = new Map<number, number>();
  /** Replaces the answer to a TCP login. True: it was answered. */
  onLogin: (peer: Peer) => boolean = () => false;
  resumed: ((resume: cim.Resume) => cim.ResumedStream.$Properties[]) | undefined;
  epoch = 0;
  readonly #ids = new Map<string, number>();
  readonly #counters = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  /** Further fields of the answer to a login. */
  place: object;
  readonly #scheme: string;
  readonly #http;
  readonly #tcp;

  private constructor({ route, server }: ScriptedTls) {
    this.place = server === undefined ? {} : { tls: true };
    this.#scheme = route === undefined ? 'http' : 'https';
    const onRequest = (request: IncomingMessage, response: ServerResponse): void =>
      this.#onRequest(request, response);
    this.#http = route === undefined ? createHttpServer(onRequest) : createHttpsServer(route, onRequest);
    const onSocket = (socket: Socket): void => this.#onSocket(socket);
    this.#tcp = server === undefined ? createTcpServer(onSocket) : createTlsServer(server, onSocket);
  }

  static async start(tls: ScriptedTls = {}): Promise<ScriptedServer> {
    const server = new ScriptedServer(tls);
    for (const part of [server.#http, server.#tcp])
      await new Promise<void>((resolve) => part.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#tcp.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** The newest connection. */
  get peer(): Peer {
    const peer = this.peers.at(-1);
    if (peer === undefined) throw new Error('no connection yet');
    return peer;
  }

  idOf(name: string): UserId {
    const id = this.#ids.get(name) ?? 1000 + this.#ids.size;
    this.#ids.set(name, id);
    return id as UserId;
  }

  log(stream: string): cim.Entry[] {
    const log = this.logs.get(stream) ?? [];
    this.logs.set(stream, log);
    return log;
  }

  /** Texts of a stream, as stored. */
  texts(stream: string): string[] {
    return this.log(stream).flatMap((entry) => cim.Content.decode(entry.content).texts);
  }

  append(
    stream: string,
    from: { id: number; name: string },
    producer: string,
    counter: number,
    content: Uint8Array,
  ): cim.Entry {
    const log = this.log(stream);
    const before = log.at(-1);
    const prev =
      before === undefined
        ? ''
        : messageId(before.sender as UserId, before.producer as ProducerId, before.counter);
    const entry = new cim.Entry({
      seq: log.length + 1,
      prev,
      storedAt: 1_700_000_000_000,
      sender: from.id,
      senderName: from.name,
      producer,
      counter,
      content,
      n: log.length + 1,
    });
    log.push(entry);
    return entry;
  }

  /** Makes the store forget all producers. */
  forget(): void {
    this.#counters.clear();
    this.forgetful = true;
  }

  /** Adds a message of another user. Answers its entry, which is delivered when `deliver` is true. */
  say(stream: string, what: string | cim.Content.$Properties, deliver = true): cim.Entry {
    const counter = this.log(stream).length + 1;
    const content = cim.Content.encode(typeof what === 'string' ? { texts: [what] } : what).finish();
    const entry = this.append(stream, { id: 7, name: 'bob' }, 'bobsProducerId00', counter, content);
    if (deliver) this.deliver(stream, [entry]);
    return entry;
  }

  /** The client's user has joined a group, which is delivered from `after` on. */
  joined(group: string, after = this.log(`group:${group}`).length): void {
    const entry = this.log(`group:${group}`)[after - 1];
    const { CONTINUE } = cim.ResumeAnswer;
    const id =
      entry === undefined
        ? '-'
        : messageId(entry.sender as UserId, entry.producer as ProducerId, entry.counter);
    this.peer.send({ resumed: { streams: [{ group, answer: CONTINUE, from: after + 1, to: after, id }] } });
  }

  deliver(stream: string, entries: cim.Entry[]): void {
    this.peer.send({ deliver: { group: stream.startsWith('group:') ? stream.slice(6) : '', entries } });
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#http.closeAllConnections();
    await Promise.all([this.#http, this.#tcp].map((part) => new Promise((resolve) => part.close(resolve))));
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = request.url ?? '';
      const text = Buffer.concat(chunks).toString();
      const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
      const { method = '' } = request;
      const { authorization, 'idempotency-key': key } = request.headers;
      this.requests.push({ method, path, body, authorization, key });
      if (path.startsWith('/v1/')) {
        const { status = 200, answer } = this.v1(`${method} ${path.slice('/v1'.length)}`, body);
        if (status === 0) {
          request.socket.destroy();
          return;
        }
        response.writeHead(status);
        response.end(answer === undefined ? '' : JSON.stringify(answer));
        return;
      }
      const { retryAfter, more, ...answer } = this.http(path, body) ?? this.#answer(path, body);
      response.setHeader('content-type', 'application/json');
      if (more === true) response.setHeader('x-cim-more', 'true');
      if (retryAfter !== undefined) response.writeHead(503, { 'retry-after': String(retryAfter) });
      response.end(JSON.stringify({ message: 'Success', reqNo: null, dataBody: null, ...answer }));
    });
  }

  #answer(path: string, body: Record<string, unknown>): HttpAnswer {
    switch (path.split('?', 1)[0]) {
      case '/registerAccount': {
        const userName = String(body['userName']);
        return { code: '9000', dataBody: { userId: this.idOf(userName), userName } };
      }
      case '/login': {
        this.epoch++;
        const session = `secret-${this.epoch}`;
        const ticket = `ticket-${this.epoch}`;
        const place = {
          ip: '127.0.0.1',
          cimServerPort: this.port,
          httpPort: 1,
          ticket,
          session,
          epoch: this.epoch,
          ...this.place,
        };
        return { code: '9000', dataBody: place };
      }
      case '/onlineUser':
        return { code: '9000', dataBody: [...this.#ids].map(([userName, userId]) => ({ userId, userName })) };
      default:
        return { code: '9000' };
    }
  }

  #onSocket(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    const decoder = new FrameDecoder(64 * 1024);
    const peer: Peer = {
      userId: 0,
      received: [],
      send: (frame) => socket.write(encodeFrame(cim.Frame, frame)),
      raw: (bytes) => socket.write(bytes),
      cut: () => socket.destroy(),
    };
    this.peers.push(peer);
    socket.on('data', (chunk) => {
      decoder.push(chunk, (body) => {
        // A copy, since the bytes of a send outlive the chunk.
        this.#onFrame(peer, cim.Frame.decode(Uint8Array.from(body)));
        return true;
      });
    });
  }

  #onFrame(peer: Peer, frame: cim.Frame & cim.Frame.$Shape): void {
    peer.received.push(frame);
    if (frame.body === 'login') {
      peer.userId = (frame.login as cim.Login).userId;
      if (!this.onLogin(peer))
        peer.send({
          welcome: { userId: peer.userId, epoch: this.epoch, idleTimeoutMs: 30_000, instance: 'scripted' },
        });
    } else if (frame.body === 'resume') this.#onResume(peer, frame.resume as cim.Resume);
    else if (frame.body === 'send') this.#onSend(peer, frame.send as cim.Send);
    else if (frame.body === 'ack') this.#onAck(frame.ack as cim.Ack);
    else if (frame.body === 'find') this.#onFind(peer, frame.find as cim.Find);
    else if (frame.body === 'counters') this.#onCounters(peer, frame.counters as cim.Counters);
    else if (frame.body === 'delivered') {
      const { to, seq } = frame.delivered as cim.Delivered;
      const at = this.inboxAt.get(to);
      if (at !== undefined) peer.send({ delivered: { to, seq: Math.min(at, seq) } });
    } else if (frame.body === 'ping') peer.send({ pong: {} });
  }

  #onCounters(peer: Peer, { counters }: cim.Counters): void {
    const answer = (counters as cim.Counter[]).map((one) => ({ ...one, counter: this.has(one) }));
    if (answer.every((one): one is cim.Counter => one.counter !== undefined))
      peer.send({ counters: { counters: answer } });
  }

  #onFind(peer: Peer, { to, group, producer }: cim.Find): void {
    const log = this.log(to === 0 ? `group:${group}` : `inbox:${to}`);
    const of = log.filter((entry) => entry.producer === producer && entry.sender === peer.userId);
    const last = of.at(-1)?.counter ?? 0;
    peer.send({ found: { to, group, producer, last, oldestAt: this.oldestAt } });
  }

  #onAck({ group, seq }: cim.Ack): void {
    this.acks.push({ group, seq });
  }

  #onResume(peer: Peer, resume: cim.Resume): void {
    const name = (group: string): string => (group === '' ? `inbox:${peer.userId}` : `group:${group}`);
    const cursors = resume.cursors as cim.Cursor[];
    const idAt = (log: cim.Entry[], seq: number): string => {
      const entry = log[seq - 1];
      return entry === undefined
        ? '-'
        : messageId(entry.sender as UserId, entry.producer as ProducerId, entry.counter);
    };
    const streams =
      this.resumed?.(resume) ??
      cursors.map(({ group, seq, id }) => {
        const log = this.log(name(group));
        const to = seq > 0 || id !== '' || group === '' ? seq : log.length;
        return { group, answer: cim.ResumeAnswer.CONTINUE, from: to + 1, to, id: idAt(log, to) };
      });
    peer.send({ resumed: { streams } });
    for (const { group, from } of streams as cim.ResumedStream[]) {
      const entries = this.log(name(group)).slice(Math.max(0, from - 1));
      if (entries.length > 0) peer.send({ deliver: { group, entries } });
    }
  }

  #onSend(peer: Peer, send: cim.Send): void {
    const { to, group, producer, counter, content } = send;
    this.onSend(peer, send, () => {
      const stream = to === 0 ? `group:${group}` : `inbox:${to}`;
      const key = `${stream} ${producer}`;
      const last = this.#counters.get(key) ?? 0;
      const about = { to, group, producer, counter };
      if (last === 0 && (counter > 1 || (send.again && this.forgetful))) {
        peer.send({ receipt: { ...about, outcome: cim.Outcome.UNKNOWN_PRODUCER } });
        return;
      }
      if (counter > last + 1) {
        peer.send({ receipt: { ...about, outcome: cim.Outcome.GAP, last } });
        return;
      }
      let copy: cim.Entry | undefined;
      if (counter === last + 1) {
        this.#counters.set(key, counter);
        const name = [...this.#ids].find(([, id]) => id === peer.userId)?.[0] ?? '';
        const entry = this.append(stream, { id: peer.userId, name }, producer, counter, content);
        if (to === 0) peer.send({ deliver: { group, entries: [entry] } });
        else if (this.copies !== 'none' && to !== peer.userId) {
          const copied = `${producer}>${to}`;
          copy = this.append(`inbox:${peer.userId}`, { id: peer.userId, name }, copied, counter, content);
        }
      }
      const seq = this.log(stream).length;
      const receipt = { ...about, outcome: cim.Outcome.STORED, seq, n: seq };
      peer.send({ receipt: { ...receipt, copy: this.copies === 'by-receipt' ? (copy?.seq ?? 0) : 0 } });
      if (copy !== undefined && this.copies === 'by-entry')
        peer.send({ deliver: { group: '', entries: [copy] } });
    });
  }
}

/** Polls until the condition holds. */
export async function until(condition: () => boolean, what: string, timeoutMs = 5_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
