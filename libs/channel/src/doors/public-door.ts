/** The public port of an im-server: TCP and WebSocket, told apart by the first bytes. */
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CLOSE_REASONS, cim, encodeFrame } from '@cim/protocol';
import { WebSocketServer } from 'ws';
import type { ByteStream } from '../byte-stream.ts';
import { sharedRead } from '../shared-read.ts';
import type { TimingWheel, WheelEntry } from '../timing-wheel.ts';
import { forwardedFor, tellRemote } from './client-address.ts';
import { originAllowed } from './origins.ts';
import { readProxyHeader, type Remote } from './proxy-header.ts';
import {
  type AddressLimits,
  type DoorLimit,
  type DoorLimits,
  type Refusal,
  type Visit,
  Visits,
} from './visits.ts';
import { WebSocketStream } from './web-socket-stream.ts';

const PATH = '/cim';
const SUBPROTOCOL = 'cim.v2';
/** Longest message of a client [B]. */
const MESSAGE_BYTES = 64 * 1024;
const HANDSHAKE_BYTES = 8 * 1024;
/** A frame of ours cannot begin so: it would be 71 bytes long, and its first field of a type that nobody uses. */
const GET = Buffer.from('GET ');

export interface DoorParts {
  readonly wheel: TimingWheel;
  /** How long a connection may take for its first bytes, or for its whole WebSocket handshake [ms]. */
  readonly handshakeMs: number;
  /** Origins of pages that may connect beside those of the same host, such as `https://chat.example.com`. */
  readonly allowedOrigins: readonly string[];
  /** Why no WebSocket is opened for a request with that `Host`; undefined when it may be. */
  readonly hostProblem: (host: string | undefined) => string | undefined;
  readonly limits: DoorLimits;
  readonly address: AddressLimits;
  /** Takes a connection over, in this turn. It tells the visit when the client has logged in, and when it is gone. */
  readonly onStream: (stream: ByteStream, visit: Visit) => void;
  /** A connection was closed at once. @param ip of the client, where that is known. @param why more of it, in words */
  readonly onRefused: (limit: DoorLimit, ip?: string, why?: string) => void;
  /** Whether an address is that of a proxy whose word counts: its PROXY header, and its `X-Forwarded-For`. */
  readonly isTrustedProxy: (address: string) => boolean;
}

/** A connection whose kind is not known yet. */
class Arrival implements WheelEntry {
  readonly socket: Socket;
  readonly visit: Visit;
  /** The client, as far as is known: the proxy that it came through has named it, or is named here itself. */
  remote: Remote;
  readonly #door: PublicDoor;
  #read: Buffer | undefined;
  /** It comes from a trusted proxy, whose header may come first. */
  #mayHaveHeader: boolean;

  constructor(socket: Socket, visit: Visit, door: PublicDoor, remote: Remote, throughProxy: boolean) {
    this.socket = socket;
    this.visit = visit;
    this.remote = remote;
    this.#door = door;
    this.#mayHaveHeader = throughProxy;
    socket.on('data', this.#onData);
    socket.on('error', this.#onEnd);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onEnd);
  }

  onTimeout(): void {
    this.socket.destroy();
  }

  /** No listener of this object is left on the socket. */
  release(): void {
    this.socket.off('data', this.#onData);
    this.socket.off('error', this.#onEnd);
    this.socket.off('end', this.#onEnd);
    this.socket.off('close', this.#onEnd);
  }

  readonly #onData = (chunk: Buffer): void => {
    let read = this.#read === undefined ? chunk : Buffer.concat([this.#read, chunk]);
    if (this.#mayHaveHeader) {
      const header = readProxyHeader(read);
      if (header.kind === 'bad')
        return this.#door.refuse(this, { limit: 'proxy-header', afterMs: 0 }, header.why);
      if (header.kind === 'more') {
        this.#read = read;
        return;
      }
      this.#mayHaveHeader = false;
      if (header.kind === 'header') {
        this.remote = header.remote ?? this.remote;
        read = read.subarray(header.length);
        this.#read = undefined;
        if (read.length === 0) return;
      }
    }
    const begins = read.subarray(0, GET.length);
    if (!begins.equals(GET.subarray(0, begins.length))) this.#door.tcp(this, read);
    else if (begins.length < GET.length) this.#read = read;
    else this.#door.http(this, read);
  };

  readonly #onEnd = (): void => {
    this.#door.forget(this);
    this.visit.end();
    this.socket.destroy();
  };
}

export class PublicDoor {
  /** Listens once `listen` of it was called. */
  readonly server: Server;
  readonly visits: Visits;
  readonly #parts: DoorParts;
  readonly #http = createHttpServer({ maxHeaderSize: HANDSHAKE_BYTES }, (_request, response) => {
    response
      .writeHead(426, {
        connection: 'close',
        'content-type': 'text/plain',
        'x-content-type-options': 'nosniff',
        upgrade: 'websocket',
      })
      .end(`this port takes CIM clients: TCP, or a WebSocket at ${PATH}\n`);
  });
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES,
    // One read may hold thousands of small messages: each is handed out in a turn of its own.
    allowSynchronousEvents: false,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  /** Connections of unknown kind, and those in a handshake; each leaves when it is taken over or ends. */
  readonly #arrivals = new Map<Duplex, Arrival>();

  constructor(parts: DoorParts) {
    this.#parts = parts;
    this.visits = new Visits(parts.limits, parts.address);
    this.server = createTcpServer({ pauseOnConnect: true }, (accepted) => this.#accept(accepted));
    this.#http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
    this.#http.on('clientError', (_error, socket) => socket.destroy());
  }

  /** Closes the connections whose kind is not known yet. The others belong to their owners. */
  closeArrivals(): void {
    for (const { socket } of this.#arrivals.values()) socket.destroy();
  }

  /** Its wire is not known: what ours says of it is written, and others drop it. Nothing of it stays here. */
  refuse(
    { socket, remote }: Pick<Arrival, 'socket' | 'remote'>,
    { limit, afterMs }: Refusal,
    why?: string,
  ): void {
    if (afterMs === 0) socket.destroy();
    else {
      const { number, text, reconnect } = CLOSE_REASONS[limit === 'suspended' ? 'suspended' : 'limited'];
      socket.on('error', () => socket.destroy());
      socket.write(encodeFrame(cim.Frame, { goaway: { reason: number, text, reconnect, afterMs } }));
      socket.destroySoon();
    }
    this.#parts.onRefused(limit, remote.address, why);
  }

  /** The arrival speaks frames. */
  tcp(arrival: Arrival, first: Buffer): void {
    if (!this.#locate(arrival, arrival.remote)) return;
    this.forget(arrival);
    arrival.release();
    this.#parts.onStream(arrival.socket, arrival.visit);
    arrival.socket.emit('data', first);
  }

  /** The arrival speaks HTTP. It stays an arrival until the handshake is done. */
  http(arrival: Arrival, first: Buffer): void {
    arrival.release();
    arrival.socket.on('close', () => {
      if (this.#arrivals.has(arrival.socket)) arrival.visit.end();
      this.forget(arrival);
    });
    arrival.socket.unshift(first);
    this.#http.emit('connection', arrival.socket);
  }

  forget(arrival: Arrival): void {
    this.#parts.wheel.cancel(arrival);
    this.#arrivals.delete(arrival.socket);
  }

  /** Its address is final; false when it was refused for it. */
  #locate(arrival: Arrival, remote: Remote): boolean {
    const refused = arrival.visit.cameFrom(remote.address);
    if (refused !== undefined) {
      this.refuse({ socket: arrival.socket, remote }, refused);
      return false;
    }
    if (remote.address !== arrival.socket.remoteAddress) tellRemote(arrival.socket, remote);
    return true;
  }

  #accept(accepted: Socket): void {
    const { remoteAddress: address = '', remotePort: port = 0 } = accepted;
    const throughProxy = this.#parts.isTrustedProxy(address);
    const visit = this.visits.enter(throughProxy ? undefined : address);
    if ('limit' in visit) return this.refuse({ socket: accepted, remote: { address, port } }, visit);
    const arrival = new Arrival(sharedRead(accepted), visit, this, { address, port }, throughProxy);
    this.#arrivals.set(arrival.socket, arrival);
    this.#parts.wheel.schedule(arrival, this.#parts.handshakeMs);
    arrival.socket.resume();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = (request.url ?? '').split('?')[0];
    if (path !== PATH) return refuse(socket, '404 Not Found', `the WebSocket is at ${PATH}`);
    // Before the origin: a page that made its own name point here has the same host.
    const wrongHost = this.#parts.hostProblem(request.headers.host);
    if (wrongHost !== undefined) return refuse(socket, '403 Forbidden', wrongHost);
    if (!originAllowed(request.headers.origin, request.headers.host, this.#parts.allowedOrigins))
      return refuse(socket, '403 Forbidden', 'pages of this origin may not connect; see CIM_ALLOWED_ORIGINS');
    const came = this.#arrivals.get(socket);
    // It ended within the handshake.
    if (came === undefined) {
      socket.destroy();
      return;
    }
    const { address, port } = came.remote;
    const client = forwardedFor(
      address,
      request.headers['x-forwarded-for']?.toString(),
      this.#parts.isTrustedProxy,
    );
    if (!this.#locate(came, { address: client, port: client === address ? port : 0 })) return;
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const arrival = this.#arrivals.get(socket);
      // It ended within the handshake.
      if (arrival === undefined) return webSocket.terminate();
      this.forget(arrival);
      this.#parts.onStream(new WebSocketStream(webSocket, socket), arrival.visit);
    });
  }
}

function refuse(socket: Duplex, status: string, why: string): void {
  const body = `${why}\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
}
