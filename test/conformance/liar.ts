/** A server that is wrong in one place: a proxy before a right one. It shows that a rule can be broken. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { cimDelimited, varintAt } from '@cim/testkit/raw';

/** An answer over HTTP. */
export interface Said {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

export interface Lies {
  /** What is answered in place of the right answer. */
  readonly answer?: (path: string, asked: string, said: Said) => Said;
  /** The bodies of the frames that a client gets in place of the right one. */
  readonly frame?: (body: Buffer) => readonly Buffer[];
  /** Bytes that a client gets before the server closes its connection. */
  readonly lastBytes?: Buffer;
  /** What a client gets of bytes that are no frames: those of a WebSocket. */
  readonly bytes?: (bytes: Buffer) => Buffer;
}

export class Liar implements AsyncDisposable {
  readonly routeUrl: string;
  readonly #servers: readonly Server[];
  readonly #sockets: Set<Socket>;

  private constructor(routeUrl: string, servers: readonly Server[], sockets: Set<Socket>) {
    this.routeUrl = routeUrl;
    this.#servers = servers;
    this.#sockets = sockets;
  }

  /** @param right the server before which it stands */
  static async start(
    right: { readonly routeUrl: string; readonly tcpPort: number },
    lies: Lies,
  ): Promise<Liar> {
    const sockets = new Set<Socket>();
    const tcp = createTcpServer((client) => passFrames(client, right.tcpPort, lies, sockets));
    const tcpPort = await listen(tcp);
    const http = createServer((request, response) => {
      void passRequest(request, response, right.routeUrl, tcpPort, lies).catch(() => response.destroy());
    });
    http.on('connection', (socket) => sockets.add(socket));
    return new Liar(`http://127.0.0.1:${await listen(http)}`, [tcp, http], sockets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#servers.map((server) => once(server, 'close'));
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function passRequest(
  request: IncomingMessage,
  response: ServerResponse,
  routeUrl: string,
  tcpPort: number,
  { answer: lie }: Lies,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const asked = Buffer.concat(chunks);
  const path = request.url ?? '/';
  const passedOn = ['content-type', 'authorization', 'idempotency-key'].flatMap(
    (name): [string, string][] => {
      const value = request.headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    },
  );
  const method = request.method ?? 'GET';
  const right = await fetch(`${routeUrl}${path}`, {
    method,
    headers: passedOn,
    ...(asked.length > 0 && { body: asked }),
  });
  const type = right.headers.get('content-type') ?? '';
  // The im-server that clients are sent to is this one.
  const text = (await right.text())
    .replace(/"cimServerPort":\d+/, `"cimServerPort":${tcpPort}`)
    .replace(/"port":\d+/, `"port":${tcpPort}`);
  const said = { status: right.status, type, text };
  const told = lie?.(path, asked.toString(), said) ?? said;
  const kept = ['keep-alive', 'retry-after', 'allow', 'www-authenticate'].flatMap(
    (name): [string, string][] => {
      const value = right.headers.get(name);
      return value === null ? [] : [[name, value]];
    },
  );
  response.writeHead(told.status, { ...Object.fromEntries(kept), 'content-type': told.type });
  response.end(told.text);
}

function passFrames(client: Socket, port: number, lies: Lies, sockets: Set<Socket>): void {
  const server = connect({ host: '127.0.0.1', port, noDelay: true });
  for (const socket of [client, server]) {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  }
  client.pipe(server);
  client.once('close', () => server.destroy());
  const cut = lies.frame === undefined ? undefined : framesOf(lies.frame);
  server.on('data', (data) => client.write(cut?.(data) ?? lies.bytes?.(data) ?? data));
  server.once('close', () => {
    if (lies.lastBytes === undefined) client.destroy();
    else client.end(lies.lastBytes, () => client.destroy());
  });
}

/** Cuts bytes into frames and answers those that the client is to get. */
function framesOf(lie: (body: Buffer) => readonly Buffer[]): (data: Buffer) => Buffer {
  let rest: Buffer = Buffer.alloc(0);
  return (data) => {
    rest = Buffer.concat([rest, data]);
    const told: Buffer[] = [];
    for (;;) {
      const length = varintAt(rest, 0, 5);
      if (length === undefined || rest.length < length.next + length.value) return Buffer.concat(told);
      told.push(...lie(rest.subarray(length.next, length.next + length.value)).map(cimDelimited));
      rest = rest.subarray(length.next + length.value);
    }
  };
}
