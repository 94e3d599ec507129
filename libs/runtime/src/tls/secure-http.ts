/** Puts TLS in front of an HTTP server that exists already. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { constants } from 'node:crypto';
import { createServer as createTlsServer, type SecureContextOptions } from 'node:tls';
import type { Logger } from '../logger.ts';
import { plainAnswer } from '../plain-answer.ts';
import { RareWarning } from '../rare-warning.ts';
import { beginsTls, socketUnder } from './client-hello.ts';
import type { TlsFiles } from './tls-files.ts';

/** A connection is cut off when it has not finished its TLS handshake after this time [ms]. */
const HANDSHAKE_MS = 10_000;

/** Answer to a plain request on a port that speaks TLS only. */
const USE_HTTPS = plainAnswer('400 Bad Request', 'this port speaks TLS: use https://');

export interface SecureHttpOptions {
  readonly logger: Logger;
  /**
   * Asks clients for a certificate of `CIM_TLS_CA`. Clients without one are served too: code that needs one
   * checks `authorized`.
   */
  readonly asksForCertificate?: boolean;
  readonly handshakeMs?: number;
}

/** Controls the connections that the HTTP server does not know of yet. */
export interface SecureHttp {
  /** Cuts off connections that the HTTP server has not received yet. */
  closeArrivals(): void;
}

/**
 * Makes the server accept TLS connections, and plain ones only where `alsoPlain` says so.
 * @param server an HTTP server that is not listening yet
 */
export function secureHttp(server: Server, files: TlsFiles, options: SecureHttpOptions): SecureHttp {
  const { logger, asksForCertificate = false, handshakeMs = HANDSHAKE_MS } = options;
  const take = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
  const refused = new RareWarning(logger, 'connection.refused');
  /** Connections in their handshake. Each is removed when the HTTP server receives it, or when it ends. */
  const arrivals = new Set<Socket>();
  const context = (pair: SecureContextOptions): SecureContextOptions =>
    // A resumed session shows no certificate, and yet Node calls it authorized.
    asksForCertificate
      ? { ...pair, secureOptions: (pair.secureOptions ?? 0) | constants.SSL_OP_NO_TICKET }
      : pair;
  const tls = createTlsServer({
    ...context(files.options),
    handshakeTimeout: handshakeMs,
    ALPNProtocols: ['http/1.1'],
    requestCert: asksForCertificate && files.checksPeers,
    rejectUnauthorized: false,
  });
  files.onReload((pair) => tls.setSecureContext(context(pair)));
  const handOver = (socket: Socket): void => {
    for (const listener of take) listener.call(server, socket);
  };
  tls.on('secureConnection', (secure) => {
    arrivals.delete(socketUnder(secure));
    handOver(secure);
  });
  tls.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    // Node leaves it to this listener to close a handshake that took too long.
    socket.destroy();
    // `ECONNRESET`: the client has left, or was cut off.
    if (error.code !== 'ECONNRESET') refused.due({ why: error.code ?? error.message });
  });
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    let read: Buffer = Buffer.alloc(0);
    const leave = (): void => {
      arrivals.delete(socket);
    };
    const onData = (chunk: Buffer): void => {
      read = Buffer.concat([read, chunk]);
      const secure = beginsTls(read);
      if (secure === undefined) return;
      socket.off('data', onData);
      socket.off('error', ignore);
      socket.setTimeout(0, destroy);
      socket.off('timeout', destroy);
      socket.pause();
      if (secure) {
        socket.unshift(read);
        tls.emit('connection', socket);
        return;
      }
      leave();
      if (files.alsoPlain) {
        socket.allowHalfOpen = true;
        socket.unshift(read);
        handOver(socket);
        socket.resume();
      } else {
        refused.due({ why: 'plain connection' });
        socket.on('error', ignore);
        socket.end(USE_HTTPS, destroy);
      }
    };
    function destroy(): void {
      socket.destroy();
    }
    arrivals.add(socket);
    // As in Node's HTTPS server: a client that leaves during its handshake is gone.
    socket.allowHalfOpen = false;
    socket.on('data', onData);
    socket.on('error', ignore);
    socket.on('close', leave);
    socket.setTimeout(handshakeMs, destroy);
  });
  return {
    closeArrivals: () => {
      for (const socket of arrivals) socket.destroy();
    },
  };
}

function ignore(): void {
  // Its close follows.
}
