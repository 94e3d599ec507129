/**
 * The public port of an im-server. It takes TCP and WebSocket connections, in TLS or plain, and tells them
 * apart by the first bytes.
 */
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type Server as TlsServer, TLSSocket } from 'node:tls';
import { beginsTls, plainAnswer, type Supplies, socketUnder, type TlsFiles } from '@cim/runtime';
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
  strangerMs,
  type Visit,
  Visits,
} from './visits.ts';
import { endAtError } from './end-at-error.ts';
import { WebSocketStream } from './web-socket-stream.ts';

const PATH = '/cim';
const SUBPROTOCOL = 'cim.v2';
/** Longest message of a client on a WebSocket [bytes]. */
const MESSAGE_BYTES = 64 * 1024;
const HANDSHAKE_BYTES = 8 * 1024;
/**
 * The first bytes of a WebSocket handshake. No frame of ours begins so: it would be 71 bytes long, and no
 * field has such a tag.
 */
const GET = Buffer.from('GET ');

/**
 * Protocols that a client may name in its TLS handshake (ALPN). A client that names only others does not mean
 * this port.
 */
const ALPN = [SUBPROTOCOL, 'http/1.1'];

export interface DoorParts {
  readonly wheel: TimingWheel;
  /** What the process has left. While it is scarce, the door lets in few strangers and gives them little time. */
  readonly supplies: Pick<Supplies, 'supply'>;
  /** Longest time for a TLS handshake and the first bytes, or for a whole WebSocket handshake [ms]. */
  readonly handshakeMs: number;
  /** Origins of pages that may connect, besides pages of the same host, such as `https://chat.example.com`. */
  readonly allowedOrigins: readonly string[];
  /** Says why a request with this `Host` may not open a WebSocket; undefined when it may. */
  readonly hostProblem: (host: string | undefined) => string | undefined;
  readonly limits: DoorLimits;
  readonly address: AddressLimits;
  /**
   * Takes over a connection within this turn. The owner tells the visit when the client has logged in, and
   * when it is gone.
   */
  readonly onStream: (stream: ByteStream, visit: Visit) => void;
  /**
   * Called when a connection was closed at once. @param ip of the client, if known @param why further details
   */
  readonly onRefused: (limit: DoorLimit, ip?: string, why?: string) => void;
  /**
   * Whether an address belongs to a trusted proxy. The PROXY header and `X-Forwarded-For` of other addresses
   * are ignored.
   */
  readonly isTrustedProxy: (address: string) => boolean;
  /**
   * The certificate. With it connections must speak TLS, or may where plain text is allowed. Without it all
   * are plain.
   */
  readonly tls?: TlsFiles | undefined;
}

/** A connection whose first bytes have not yet told its kind. */
class Arrival implements WheelEntry {
  /** The socket that carries the client's bytes. After a TLS handshake it is not the accepted socket. */
  socket: Socket;
  readonly visit: Visit;
  /** The client's address: as its proxy named it, or the address of the connection itself. */
  remote: Remote;
  readonly #door: PublicDoor;
  #secure = false;
  #read: Buffer | undefined;
  /** Whether the connection comes from a trusted proxy, so that a PROXY header may come first. */
  #mayHaveHeader: boolean;

  constructor(socket: Socket, visit: Visit, door: PublicDoor, remote: Remote, throughProxy: boolean) {
    this.socket = socket;
    this.visit = visit;
    this.remote = remote;
    this.#door = door;
    this.#mayHaveHeader = throughProxy;
    this.#listen();
  }

  onTimeout(): void {
    this.socket.destroy();
  }

  /** Removes all listeners of this object from the socket. */
  release(): void {
    this.socket.off('data', this.#onData);
    this.socket.off('error', this.#onEnd);
    this.socket.off('end', this.#onEnd);
    this.socket.off('close', this.#onEnd);
  }

  /** Stops reading. When the socket ends, this arrival still ends. */
  leave(): Socket {
    this.release();
    this.#read = undefined;
    this.socket.pause();
    this.socket.on('error', this.#onEnd);
    this.socket.on('close', this.#onEnd);
    return this.socket;
  }

  /** The TLS handshake is done. The first bytes inside decide the kind, as on a plain connection. */
  secured(secure: TLSSocket): void {
    this.release();
    this.socket = secure;
    this.#secure = true;
    this.#listen();
  }

  #listen(): void {
    this.socket.on('data', this.#onData);
    this.socket.on('error', this.#onEnd);
    this.socket.on('end', this.#onEnd);
    this.socket.on('close', this.#onEnd);
  }

  readonly #onData = (chunk: Buffer): void => {
    let read = this.#read === undefined ? chunk : Buffer.concat([this.#read, chunk]);
    if (this.#mayHaveHeader) {
      const header = readProxyHeader(read);
      if (header.kind === 'bad')
        return this.#door.refuse(this, { limit: 'proxy-header', afterMs: 0 }, header.why);
      if (header.kind === 'more') return this.#keep(read);
      this.#mayHaveHeader = false;
      if (header.kind === 'header') {
        this.remote = header.remote ?? this.remote;
        read = read.subarray(header.length);
        this.#read = undefined;
        if (read.length === 0) return;
      }
    }
    if (!this.#secure) {
      // No frame of ours begins like a TLS handshake either: its first field would have the number 0.
      const tls = beginsTls(read);
      if (tls === undefined) return this.#keep(read);
      if (tls && this.#door.tls === undefined) return this.#door.refuseTls(this);
      if (tls) return this.#door.secure(this, read);
      if (this.#door.tls?.alsoPlain === false) return this.#door.refusePlain(this, read);
    }
    const begins = read.subarray(0, GET.length);
    if (!begins.equals(GET.subarray(0, begins.length))) this.#door.tcp(this, read);
    else if (begins.length < GET.length) this.#keep(read);
    else this.#door.http(this, read);
  };

  #keep(read: Buffer): void {
    this.#read = read;
  }

  readonly #onEnd = (): void => {
    this.#door.forget(this);
    this.visit.end();
    this.socket.destroy();
  };
}

export class PublicDoor {
  /** The TCP server. It listens after a call of its `listen`. */
  readonly server: Server;
  readonly visits: Visits;
  readonly tls: TlsFiles | undefined;
  readonly #parts: DoorParts;
  /** This server never listens. The door gives it the connections that begin with a TLS handshake. */
  readonly #secureServer: TlsServer | undefined;
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
    // `ws` answers pings outside of the outbox, and cuts off a client that leaves 60 pongs unread (its
    // `maxPendingAutoPongs`). One read may hold thousands of small messages; each is handed out in a turn of
    // its own.
    allowSynchronousEvents: false,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  /**
   * Connections of unknown kind, and those in a handshake. An arrival is removed when its connection is taken
   * over or ends.
   */
  readonly #arrivals = new Map<Duplex, Arrival>();

  constructor(parts: DoorParts) {
    this.#parts = parts;
    this.visits = new Visits(parts.limits, parts.address, parts.supplies);
    this.server = createTcpServer({ pauseOnConnect: true }, (accepted) => this.#accept(accepted));
    this.#http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
    this.#http.on('clientError', (_error, socket) => socket.destroy());
    this.tls = parts.tls;
    if (parts.tls !== undefined) this.#secureServer = this.#createSecureServer(parts.tls);
  }

  /** Closes the connections whose kind is not known yet. All others belong to their owners. */
  closeArrivals(): void {
    for (const { socket } of this.#arrivals.values()) socket.destroy();
  }

  /**
   * Closes a connection of unknown kind. The door writes a Goaway of our wire, which other clients drop.
   * Before a TLS handshake it can write nothing.
   */
  refuse(
    { socket, remote }: Pick<Arrival, 'socket' | 'remote'>,
    { limit, afterMs }: Refusal,
    why?: string,
  ): void {
    if (afterMs === 0 || (this.tls !== undefined && !(socket instanceof TLSSocket))) socket.destroy();
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

  /** The arrival begins with a TLS handshake. It stays an arrival, and its time goes on. */
  secure(arrival: Arrival, first: Buffer): void {
    const accepted = arrival.leave();
    // TLS takes it over, and sees again what was read.
    accepted.unshift(first);
    this.#secureServer?.emit('connection', accepted);
  }

  /** The arrival is plain where only TLS is taken. */
  refusePlain(arrival: Arrival, first: Buffer): void {
    this.#parts.onRefused('plain', arrival.remote.address);
    if (first[0] !== GET[0]) {
      // Clients of our wire read how to connect; others drop the frame.
      const { number, text, reconnect } = CLOSE_REASONS['tls-mismatch'];
      const socket = arrival.leave();
      socket.end(encodeFrame(cim.Frame, { goaway: { reason: number, text, reconnect } }));
      socket.resume();
      return;
    }
    refuse(arrival.leave(), '400 Bad Request', 'this port speaks TLS: use wss://');
    // The server reads and drops further bytes: closing now could destroy the answer on its way.
    arrival.socket.resume();
  }

  /**
   * The client speaks TLS, and this door has no certificate. It gets an answer that is not TLS, so that its
   * handshake fails.
   */
  refuseTls(arrival: Arrival): void {
    this.#parts.onRefused('tls-handshake', arrival.remote.address, 'this server has no certificate');
    refuse(arrival.leave(), '400 Bad Request', 'this port speaks plain text; see CIM_TLS_CERT');
    arrival.socket.resume();
  }

  forget(arrival: Arrival): void {
    this.#parts.wheel.cancel(arrival);
    this.#arrivals.delete(arrival.socket);
  }

  /** Fixes the client's address. False: the connection was refused because of it. */
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
    const { handshakeMs, supplies, wheel } = this.#parts;
    wheel.schedule(arrival, strangerMs(handshakeMs, supplies));
    arrival.socket.resume();
  }

  #createSecureServer(files: TlsFiles): TlsServer {
    // The timing wheel ends stalled handshakes, so Node needs no timer for each.
    const server = createTlsServer({ ...files.options, ALPNProtocols: ALPN, handshakeTimeout: 0 });
    files.onReload((pair) => server.setSecureContext(pair));
    server.on('secureConnection', (secure) => {
      const accepted = socketUnder(secure);
      const arrival = this.#arrivals.get(accepted);
      // The connection ended during the handshake.
      if (arrival === undefined) {
        secure.destroy();
        return;
      }
      this.#arrivals.delete(accepted);
      this.#arrivals.set(secure, arrival);
      arrival.secured(secure);
    });
    server.on('tlsClientError', (error: NodeJS.ErrnoException, secure) => {
      const ip = this.#arrivals.get(socketUnder(secure))?.remote.address;
      secure.destroy();
      // `ECONNRESET`: the client has left, or its time was up.
      if (error.code !== 'ECONNRESET')
        this.#parts.onRefused('tls-handshake', ip, error.code ?? error.message);
    });
    return server;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = (request.url ?? '').split('?')[0];
    if (path !== PATH) return refuse(socket, '404 Not Found', `the WebSocket is at ${PATH}`);
    // This check comes before that of the origin: a page whose own name points to this server has the same
    // host.
    const wrongHost = this.#parts.hostProblem(request.headers.host);
    if (wrongHost !== undefined) return refuse(socket, '403 Forbidden', wrongHost);
    if (!originAllowed(request.headers.origin, request.headers.host, this.#parts.allowedOrigins))
      return refuse(socket, '403 Forbidden', 'pages of this origin may not connect; see CIM_ALLOWED_ORIGINS');
    const came = this.#arrivals.get(socket);
    // The connection ended during the handshake.
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
      // The connection ended during the handshake.
      if (arrival === undefined) return webSocket.terminate();
      this.forget(arrival);
      endAtError(webSocket);
      this.#parts.onStream(new WebSocketStream(webSocket, socket), arrival.visit);
    });
  }
}

function refuse(socket: Duplex, status: string, why: string): void {
  socket.end(plainAnswer(status, why));
}
