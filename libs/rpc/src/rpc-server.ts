/** The answering side: takes over upgraded connections of the internal port and hands calls to their handlers. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Channel, type TimingWheel, type TurnFlusher } from '@cim/channel';
import { CimError, cim, encodeFrame, FRAME_LIMITS } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import { newNonce, prove, sameProof, UPGRADE_PROTOCOL } from './handshake.ts';
import { RPC } from './outcome.ts';

const HANDSHAKE_MS = 3_000;
/** Before its proof a caller may say no more than that, in bytes. */
const HANDSHAKE_BYTES = 256;
/** A server that reads no answers is cut off beyond this; its calls are only hints. */
const OUTBOX_BYTES = 16 * 1024 * 1024;

/** `reply` or `fail`, once. */
export type RpcHandler = (
  payload: Uint8Array,
  reply: (payload: Uint8Array) => void,
  fail: (error: CimError) => void,
) => void;

export interface RpcServerParts {
  readonly secret: string;
  readonly flusher: TurnFlusher;
  readonly wheel: TimingWheel;
  readonly logger: Logger;
  /** Key: method number. */
  readonly handlers: ReadonlyMap<number, RpcHandler>;
}

export class RpcServer {
  readonly #parts: RpcServerParts;
  readonly #connections = new Set<Served>();
  #stopped = false;

  constructor(parts: RpcServerParts) {
    this.#parts = parts;
  }

  /** Takes over `GET /rpc` upgrades; other upgrades are refused. */
  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      const nonce = request.headers['x-cim-nonce'];
      const wanted = request.url === '/rpc' && request.headers.upgrade === UPGRADE_PROTOCOL;
      if (this.#stopped || !wanted || typeof nonce !== 'string' || nonce.length < 16 || nonce.length > 64) {
        socket.end(`HTTP/1.1 ${wanted ? '400 Bad Request' : '404 Not Found'}\r\nConnection: close\r\n\r\n`);
        return;
      }
      const own = newNonce();
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n' +
          `Upgrade: ${UPGRADE_PROTOCOL}\r\nX-Cim-Nonce: ${own}\r\n` +
          `X-Cim-Proof: ${prove(this.#parts.secret, 'server', nonce, own)}\r\n\r\n`,
      );
      const served = new Served(socket, prove(this.#parts.secret, 'caller', nonce, own), this.#parts, () =>
        this.#connections.delete(served),
      );
      this.#connections.add(served);
      if (head.length > 0) socket.unshift(head);
    });
  }

  /** Closes all connections; their callers' calls end as `closed`. Idempotent. */
  stop(): Promise<void> {
    this.#stopped = true;
    for (const served of this.#connections) served.channel.close('draining');
    return Promise.resolve();
  }
}

class Served {
  readonly channel: Channel;
  readonly #expected: string;
  readonly #parts: RpcServerParts;
  readonly #onGone: () => void;
  #proven = false;
  readonly #handshakeTimeout = { onTimeout: () => this.channel.close('login-timeout') };

  constructor(socket: Duplex, expected: string, parts: RpcServerParts, onGone: () => void) {
    this.#expected = expected;
    this.#parts = parts;
    this.#onGone = onGone;
    this.channel = new Channel(socket, {
      limit: HANDSHAKE_BYTES,
      flusher: parts.flusher,
      events: this,
      outboxSoftBytes: OUTBOX_BYTES,
      outboxHardBytes: OUTBOX_BYTES,
    });
    parts.wheel.schedule(this.#handshakeTimeout, HANDSHAKE_MS);
  }

  onFrame(body: Uint8Array): void {
    if (!this.#proven) {
      if (!sameProof(Buffer.from(body).toString('latin1'), this.#expected)) {
        this.#parts.logger.warn({ remote: this.channel.remote }, 'rpc.refused: the cluster secrets differ');
        this.channel.close('unauthorized');
        return;
      }
      this.#proven = true;
      this.#parts.wheel.cancel(this.#handshakeTimeout);
      this.channel.setLimit(FRAME_LIMITS.betweenServers);
      return;
    }
    const { call, method, payload } = cim.RpcFrame.decode(body);
    if (method === RPC.ping) return this.#reply(call, cim.RpcStatus.OK, payload);
    const handler = this.#parts.handlers.get(method);
    if (handler === undefined)
      return this.#fail(call, new CimError('invalid', `there is no method ${method} here`));
    handler(
      payload,
      (reply) => this.#reply(call, cim.RpcStatus.OK, reply),
      (error) => this.#fail(call, error),
    );
  }

  onClose(): void {
    this.#parts.wheel.cancel(this.#handshakeTimeout);
    this.#onGone();
  }

  #fail(call: number, { code, message }: CimError): void {
    this.#reply(call, cim.RpcStatus.FAILED, cim.Error.encode({ code, text: message }).finish());
  }

  #reply(call: number, status: cim.RpcStatus, payload: Uint8Array): void {
    this.channel.send(encodeFrame(cim.RpcFrame, { call, status, payload }));
  }
}
