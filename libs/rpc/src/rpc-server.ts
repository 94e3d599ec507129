/** The answering side: takes over upgraded connections of the internal port and hands calls to their handlers. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { CimError, cim, FRAME_LIMITS } from '@cim/protocol';
import { ClusterSecret, RareWarning } from '@cim/runtime';
import {
  CALLED_HEADER,
  calledName,
  channelBinding,
  isNonce,
  NONCE_HEADER,
  newNonce,
  RPC_PATH,
  UPGRADE_PROTOCOL,
} from './handshake.ts';
import { RPC } from './methods.ts';
import type { RpcServerParts } from './server-parts.ts';
import { type Handshake, ServedConnection, type ServedConnectionEvents } from './served-connection.ts';

/** Bytes that a frame may need beside its payload. */
const FRAME_EXTRA_BYTES = 64;

export class RpcServer implements ServedConnectionEvents {
  readonly #parts: RpcServerParts;
  /** Open connections, with or without a proof. A connection is removed when it is closed. */
  readonly #connections = new Set<ServedConnection>();
  #stopped = false;
  #waiting: (() => void)[] = [];
  /** Warns of refused callers, rarely: anybody may connect. */
  readonly #refused: RareWarning;

  constructor(parts: RpcServerParts) {
    this.#parts = parts;
    this.#refused = new RareWarning(parts.logger, 'rpc.refused');
    const secret = ClusterSecret.of(parts.secret);
    secret.onChange(() => {
      for (const connection of this.#connections) connection.check(secret.accepted);
    });
  }

  /** Takes over the upgrade of `GET /rpc` and refuses every other upgrade. */
  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const caller = request.headers[NONCE_HEADER];
      const address = this.#parts.address();
      const called = address && calledName(address);
      if (
        request.method !== 'GET' ||
        request.url !== RPC_PATH ||
        request.headers.upgrade?.toLowerCase() !== UPGRADE_PROTOCOL
      )
        refuse(socket, '404 Not Found', `only ${RPC_PATH} can be upgraded, to ${UPGRADE_PROTOCOL}`);
      else if (!isNonce(caller))
        refuse(socket, '400 Bad Request', `${NONCE_HEADER} must be 32 of [A-Za-z0-9_-]`);
      else if (this.#stopped || called === undefined)
        refuse(socket, '503 Service Unavailable', 'this server is not there yet, or going away');
      else if (this.#parts.tls?.checksPeers === true && !showsCertificate(socket)) {
        const why = 'its certificate is not of an authority in CIM_TLS_CA';
        this.#refused.due({ remote: request.socket.remoteAddress, why });
        refuse(socket, '403 Forbidden', 'show a certificate of an authority in CIM_TLS_CA');
      } else if (request.headers[CALLED_HEADER] !== called) {
        const why = `this server is ${called}; a relay is between, or an address is wrong`;
        this.#refused.due({ called: String(request.headers[CALLED_HEADER]).slice(0, 100), why });
        refuse(socket, '421 Misdirected Request', why);
      } else
        this.#accept(socket, head, { called, caller, server: newNonce(), binding: channelBinding(socket) });
    });
  }

  /** Connections of other servers. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Sends the queued answers and closes all connections. Resolves when they are closed, after about 1 s at most. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const connection of this.#connections) connection.close('draining');
    if (this.#connections.size === 0) this.#release();
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  onRefused(remote: string): void {
    this.#refused.due({ remote, why: 'its CIM_CLUSTER_SECRET is not ours' });
  }

  onGone(connection: ServedConnection): void {
    this.#connections.delete(connection);
    if (this.#stopped && this.#connections.size === 0) this.#release();
  }

  onCall({ call, method, payload }: cim.RpcFrame, connection: ServedConnection): void {
    if (method === RPC.ping) return connection.answer(call, cim.RpcStatus.OK, payload);
    try {
      const handler = this.#parts.handlers.get(method);
      if (this.#stopped) throw new CimError('noServer', 'this server is going away');
      if (handler === undefined) throw new CimError('invalid', `there is no method ${method} here`);
      const reply = handler(payload);
      if (!(reply instanceof Promise)) return this.#reply(call, reply, connection);
      reply.then(
        (later) => this.#reply(call, later, connection),
        (error: unknown) => this.#fail(call, method, error, connection),
      );
    } catch (error) {
      this.#fail(call, method, error, connection);
    }
  }

  #reply(call: number, reply: Uint8Array, connection: ServedConnection): void {
    if (reply.length + FRAME_EXTRA_BYTES <= FRAME_LIMITS.betweenServers)
      connection.answer(call, cim.RpcStatus.OK, reply);
    else connection.answer(call, cim.RpcStatus.FAILED, encodeError(tooLong(reply.length)));
  }

  #fail(call: number, method: number, error: unknown, connection: ServedConnection): void {
    const isRefusal = error instanceof CimError;
    if (!isRefusal) this.#parts.logger.error({ err: error, method }, 'rpc.unexpected');
    connection.answer(
      call,
      cim.RpcStatus.FAILED,
      encodeError(isRefusal ? error : new CimError('failure', undefined, { cause: error })),
    );
  }

  #accept(socket: Duplex, head: Buffer, handshake: Handshake): void {
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n' +
        `Upgrade: ${UPGRADE_PROTOCOL}\r\n${NONCE_HEADER}: ${handshake.server}\r\n\r\n`,
    );
    if (head.length > 0) socket.unshift(head);
    this.#connections.add(new ServedConnection(socket, handshake, this.#parts, this));
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

const tooLong = (bytes: number): CimError =>
  new CimError('failure', `an answer of ${bytes} bytes is too long`);
const encodeError = ({ code, message }: CimError): Uint8Array =>
  cim.Error.encode({ code, text: message }).finish();

/** A plain connection comes here only where `CIM_INSECURE` says so. A resumed session would show nothing, and be called authorized. */
const showsCertificate = (socket: Duplex): boolean =>
  !(socket instanceof TLSSocket) || (socket.authorized && !socket.isSessionReused());

function refuse(socket: Duplex, status: string, why: string): void {
  socket.on('error', () => {});
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${why.length + 1}\r\n\r\n`;
  // The server does not wait for a peer that leaves its side open.
  socket.end(`${head}${why}\n`, () => socket.destroy());
}
