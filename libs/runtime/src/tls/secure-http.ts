/** Puts TLS in front of an HTTP server that is made already. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { constants } from 'node:crypto';
import { createServer as createTlsServer, type SecureContextOptions } from 'node:tls';
import type { Logger } from '../logger.ts';
import { RareWarning } from '../rare-warning.ts';
import { beginsTls, socketUnder } from './client-hello.ts';
import type { TlsFiles } from './tls-files.ts';

/** A connection that has not said what it speaks, or not finished its TLS handshake, is cut off then [ms]. */
const HANDSHAKE_MS = 10_000;

/** To a plain request on a port that speaks TLS only. */
const USE_HTTPS = answer('400 Bad Request', 'this port speaks TLS: use https://');

function answer(status: string, text: string): string {
  const body = `${text}\n`;
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

export interface SecureHttpOptions {
  readonly logger: Logger;
  /** Asks clients for a certificate of `CIM_TLS_CA`. A client without one is served: who needs it looks at `authorized`. */
  readonly asksForCertificate?: boolean;
  readonly handshakeMs?: number;
}

/** What the front holds that the HTTP server does not know of. */
export interface SecureHttp {
  /** Cuts off connections that are not in the hands of the HTTP server yet. */
  closeArrivals(): void;
}

/**
 * From now on the server takes connections of TLS, and plain ones only where `alsoPlain` says so.
 * @param server not listening yet
 */
export function secureHttp(server: Server, files: TlsFiles, options: SecureHttpOptions): SecureHttp {
  const { logger, asksForCertificate = false, handshakeMs = HANDSHAKE_MS } = options;
  const take = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
  const refused = new RareWarning(logger, 'connection.refused');
  /** Each leaves when the HTTP server has it, or with its end. */
  const arrivals = new Set<Socket>();
  const context = (pair: SecureContextOptions): SecureContextOptions =>
    // A resumed session shows no certificate, and Node calls it authorized all the same.
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
    // Node leaves a handshake that took too long to whoever listens here.
    socket.destroy();
    // A client that has left, or that was cut off.
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
    // As an HTTPS server of Node's has it: a client that leaves within its handshake is gone.
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
