/** The answering side: takes over upgraded connections of the internal port and hands calls to their handlers. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { CimError, cim, FRAME_LIMITS } from '@cim/protocol';
import { RareWarning } from '@cim/runtime';
import { isNonce, NONCE_HEADER, newNonce, RPC_PATH, UPGRADE_PROTOCOL } from './handshake.ts';
import { RPC } from './methods.ts';
import type { RpcServerParts } from './server-parts.ts';
import { ServedConnection, type ServedConnectionEvents } from './served-connection.ts';

/** What a frame may need beside its payload, in bytes. */
const FRAME_EXTRA_BYTES = 64;

export class RpcServer implements ServedConnectionEvents {
  readonly #parts: RpcServerParts;
  /** Open ones, proven or not; each leaves when it is gone. */
  readonly #connections = new Set<ServedConnection>();
  #state: 'serving' | 'draining' | 'stopped' = 'serving';
  /** Calls whose handlers have not answered. */
  #answering = 0;
  #waiting: (() => void)[] = [];
  /** Anybody may connect. */
  readonly #refused: RareWarning;

  constructor(parts: RpcServerParts) {
    this.#parts = parts;
    this.#refused = new RareWarning(parts.logger, 'rpc.refused');
  }

  /** Takes over the upgrades of `GET /rpc`; refuses all others. */
  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const caller = request.headers[NONCE_HEADER];
      if (
        request.method !== 'GET' ||
        request.url !== RPC_PATH ||
        request.headers.upgrade?.toLowerCase() !== UPGRADE_PROTOCOL
      )
        refuse(socket, '404 Not Found', `only ${RPC_PATH} can be upgraded, to ${UPGRADE_PROTOCOL}`);
      else if (!isNonce(caller))
        refuse(socket, '400 Bad Request', `${NONCE_HEADER} must be 32 of [A-Za-z0-9_-]`);
      else if (this.#state !== 'serving')
        refuse(socket, '503 Service Unavailable', 'this server is going away');
      else this.#accept(socket, head, caller);
    });
  }

  /** Takes no new connection and no new call; resolves when those under way are answered, or after `withinMs`. */
  async drain(withinMs: number): Promise<void> {
    if (this.#state === 'serving') this.#state = 'draining';
    if (this.#answering === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Closes all connections, answers that are queued go out; resolves when they are gone, in about 1 s. Idempotent. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
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
    if (this.#state === 'stopped' && this.#connections.size === 0) this.#release();
  }

  onCall({ call, method, payload }: cim.RpcFrame, connection: ServedConnection): void {
    if (method === RPC.ping) return connection.answer(call, cim.RpcStatus.OK, payload);
    const { handlers, logger } = this.#parts;
    const handler = handlers.get(method);
    if (this.#state !== 'serving') {
      connection.answer(
        call,
        cim.RpcStatus.FAILED,
        encodeError(new CimError('noServer', 'this server is going away')),
      );
      return;
    }
    if (handler === undefined) {
      connection.answer(
        call,
        cim.RpcStatus.FAILED,
        encodeError(new CimError('invalid', `there is no method ${method} here`)),
      );
      return;
    }
    let answered = false;
    const answer = (status: cim.RpcStatus, reply: Uint8Array): void => {
      if (answered) return;
      answered = true;
      connection.answer(call, status, reply);
      this.#answering--;
      if (this.#state === 'draining' && this.#answering === 0) this.#release();
    };
    const fail = (error: CimError): void => answer(cim.RpcStatus.FAILED, encodeError(error));
    this.#answering++;
    try {
      handler(
        payload,
        (reply) => {
          if (reply.length + FRAME_EXTRA_BYTES <= FRAME_LIMITS.betweenServers)
            answer(cim.RpcStatus.OK, reply);
          else fail(new CimError('failure', `an answer of ${reply.length} bytes is too long`));
        },
        fail,
      );
    } catch (error) {
      logger.error({ err: error, method }, 'rpc.unexpected');
      fail(new CimError('failure'));
    }
  }

  #accept(socket: Duplex, head: Buffer, caller: string): void {
    const server = newNonce();
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n' +
        `Upgrade: ${UPGRADE_PROTOCOL}\r\n${NONCE_HEADER}: ${server}\r\n\r\n`,
    );
    if (head.length > 0) socket.unshift(head);
    this.#connections.add(new ServedConnection(socket, { caller, server }, this.#parts, this));
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

const encodeError = ({ code, message }: CimError): Uint8Array =>
  cim.Error.encode({ code, text: message }).finish();

function refuse(socket: Duplex, status: string, why: string): void {
  socket.on('error', () => {});
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${why.length + 1}\r\n\r\n`;
  // Not held open for a peer that does not close its side.
  socket.end(`${head}${why}\n`, () => socket.destroy());
}
