import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { TimingWheel, TurnFlusher } from '@cim/channel';
import { CimError } from '@cim/protocol';
import { type ClusterSecret, type Logger, secureHttp, silentLogger, type TlsFiles } from '@cim/runtime';
import {
  type RpcAddress,
  RpcClient,
  type RpcHandler,
  type RpcOutcome,
  RpcServer,
  type RpcTimes,
} from '../src/index.ts';

export interface Line {
  readonly level: string;
  readonly msg: string;
  readonly [key: string]: unknown;
}

/** A logger whose lines the test reads. */
export function recordingLogger(): { logger: Logger; lines: Line[] } {
  const lines: Line[] = [];
  const logger = silentLogger();
  for (const level of ['debug', 'info', 'warn', 'error'] as const)
    logger[level] = (fields: unknown, msg?: string) =>
      void lines.push({ ...(fields as object), level, msg: msg ?? '' });
  return { logger, lines };
}

/** Methods of the test server. */
export const ECHO = 1;
export const REFUSE = 2;
export const THROW = 3;
export const NEVER = 4;
export const REJECT = 5;
export const HUGE = 6;
/** Answers when the test calls `release`. */
export const LATER = 7;

/** The parts of one process: a wheel with short ticks, a flusher, a log. */
export class Process {
  readonly wheel = new TimingWheel({ tickMs: 5 });
  readonly flusher = new TurnFlusher();
  readonly lines: Line[];
  readonly logger: Logger;
  readonly #stops: (() => Promise<void>)[] = [];

  constructor() {
    ({ logger: this.logger, lines: this.lines } = recordingLogger());
    this.wheel.start();
  }

  client(
    secret: string | ClusterSecret = 'a secret',
    times: Partial<RpcTimes> = {},
    tls?: TlsFiles,
  ): RpcClient {
    const { wheel, flusher, logger } = this;
    const client = new RpcClient({
      secret,
      wheel,
      flusher,
      logger,
      random: () => 0.9,
      times: { backoffMs: [20, 50], ...times },
      tls,
    });
    this.#stops.push(() => client.stop());
    return client;
  }

  async server(secret: string | ClusterSecret = 'a secret', port = 0, tls?: TlsFiles): Promise<TestServer> {
    const { wheel, flusher, logger } = this;
    const released: (() => void)[] = [];
    const handlers = new Map<number, RpcHandler>([
      [ECHO, (payload) => payload],
      [
        REFUSE,
        () => {
          throw new CimError('invalid', 'not this one');
        },
      ],
      [
        THROW,
        () => {
          throw new Error('a fault of ours');
        },
      ],
      [REJECT, () => Promise.reject(new Error('a later fault of ours'))],
      [NEVER, () => new Promise(() => {})],
      [HUGE, () => Buffer.alloc(1024 * 1024)],
      [
        LATER,
        (payload) => {
          const kept = Buffer.from(payload);
          return new Promise((resolve) => released.push(() => resolve(kept)));
        },
      ],
    ]);
    let announced: RpcAddress | undefined;
    const address = () => announced;
    const rpc = new RpcServer({ secret, address, wheel, flusher, logger, handlers, tls });
    const http = createServer((_request, response) => response.end('internal'));
    rpc.attach(http);
    if (tls !== undefined) secureHttp(http, tls, { logger, asksForCertificate: true });
    http.listen(port, '127.0.0.1');
    await once(http, 'listening');
    announced = { ...addressOf(http), ...(tls !== undefined && { tls: tls.alsoPlain ? 'also' : 'only' }) };
    const announce = (as: RpcAddress) => void (announced = as);
    const server = { rpc, http, address: announced, announce, released };
    this.#stops.push(() => stopServer(server));
    return server;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#stops.map((stop) => stop()));
    this.wheel.stop();
  }
}

export interface TestServer {
  readonly rpc: RpcServer;
  readonly http: Server;
  readonly address: RpcAddress;
  /** Announces another address to other servers from now on, as behind a proxy. */
  announce(as: RpcAddress): void;
  /** Calls of LATER that wait, in order. */
  readonly released: (() => void)[];
}

export async function stopServer({ rpc, http }: TestServer): Promise<void> {
  await rpc.stop();
  if (!http.listening) return;
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
}

const addressOf = (server: { address(): unknown }): RpcAddress => ({
  host: '127.0.0.1',
  httpPort: (server.address() as AddressInfo).port,
});

/** A server that the test controls: raw bytes on each connection. */
export async function rawServer(onConnection: (socket: Socket) => void) {
  const sockets: Socket[] = [];
  const server = createTcpServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: addressOf(server),
    sockets,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** A TCP relay that can stop passing bytes, as a frozen host or a cut cable does. */
export async function relayTo(
  address: RpcAddress,
  /** Changes each chunk on its way to the server. */
  changed: (chunk: Buffer) => Buffer = (chunk) => chunk,
) {
  let frozen = false;
  const outs: Socket[] = [];
  const relay = await rawServer((socket) => {
    const out = connect(address.httpPort, address.host);
    outs.push(out);
    out.on('error', () => {});
    const pass = (from: Socket, to: Socket, change = (chunk: Buffer) => chunk): void => {
      from.on('data', (chunk: Buffer) => {
        if (!frozen) to.write(change(chunk));
      });
      from.on('close', () => {
        if (!frozen) to.destroy();
      });
    };
    pass(socket, out, changed);
    pass(out, socket);
  });
  return {
    address: relay.address,
    connections: relay.sockets,
    freeze: () => (frozen = true),
    thaw: () => (frozen = false),
    close: () => {
      for (const out of outs) out.destroy();
      relay.close();
    },
  };
}

export interface Ended {
  readonly outcome: RpcOutcome;
  readonly tookMs: number;
}

export function call(
  client: RpcClient,
  peer: RpcAddress,
  method: number,
  text = '',
  timeoutMs = 5_000,
): Promise<Ended> {
  const started = performance.now();
  return new Promise((resolve) => {
    client.call(peer, method, Buffer.from(text), timeoutMs, (outcome) =>
      resolve({ outcome, tookMs: performance.now() - started }),
    );
  });
}

/** The outcome as `ok: text` or `kind: message`. */
export const said = ({ outcome }: Ended): string =>
  outcome.ok ? `ok: ${Buffer.from(outcome.payload).toString()}` : `${outcome.kind}: ${outcome.message}`;
