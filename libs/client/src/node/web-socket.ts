import { CLOSE_REASONS, closeReasonOf } from '@cim/protocol';
import { WebSocket } from 'ws';
import { failureText, SPEAKS_TLS } from '../http-caller.ts';
import type { Connection, ConnectionEvents, Transport } from '../transport.ts';
import { type TlsOptions, tlsProblem, trustOf } from './trust.ts';

const SUBPROTOCOL = 'cim.v2';
/** Longest message that an im-server accepts [bytes]. Frames may be cut anywhere. */
const MESSAGE_BYTES = 64 * 1024;
/** Longest message that the client accepts [bytes]: many frames of an im-server. */
const ANSWER_BYTES = 16 * 1024 * 1024;
/** Bytes that are not sent yet. Above this `send` answers false [bytes]. */
const SOFT_BYTES = 256 * 1024;
/** An im-server closes a WebSocket with this code plus the number of a close reason. */
const CLOSE_CODE_BASE = 4_000;
/** A peer that does not answer the close within this time is cut off [ms]. */
const LINGER_MS = 1_000;

/**
 * Connects over WebSockets to the URL that the route has named, or to the im-server's port, which accepts
 * them too.
 */
export const webSocket = (tls: TlsOptions = {}): Transport => {
  const trust = trustOf(tls);
  return ({ host, port, url = '', tls: isTls = false }, events) => {
    const secure = isTls || url.startsWith('tls:');
    const at = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    return new NodeWebSocket(
      /^wss?:/.test(url) ? url : `${secure ? 'wss' : 'ws'}://${at}/cim`,
      trust,
      events,
    );
  };
};

/** A connection to an im-server over a WebSocket. All bytes of one turn of the event loop are one message. */
export class NodeWebSocket implements Connection {
  readonly #socket: WebSocket;
  readonly #events: ConnectionEvents;
  #problem: Parameters<ConnectionEvents['onClose']> = [];
  /** The bytes of this turn. */
  #pieces: Uint8Array[] = [];
  #closing = false;
  /** Whether `send` has answered false. */
  #waiting = false;

  constructor(url: string, trust: ReturnType<typeof trustOf>, events: ConnectionEvents) {
    this.#events = events;
    this.#socket = new WebSocket(url, SUBPROTOCOL, {
      ...trust,
      perMessageDeflate: false,
      maxPayload: ANSWER_BYTES,
      followRedirects: false,
    });
    this.#socket.binaryType = 'nodebuffer';
    this.#socket.on('open', () => {
      if (!this.#closing) events.onOpen();
    });
    this.#socket.on('message', (data: Buffer, isBinary) => {
      if (this.#closing) return;
      if (isBinary) events.onBytes(data);
      else this.#socket.close(1003, 'frames are binary');
    });
    this.#socket.on('unexpected-response', (_request, answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (body = (body + chunk).slice(0, 200)));
      answer.once('end', () => {
        const [line = ''] = body.split(/[\r\n]/, 1);
        this.#problem = line.startsWith(SPEAKS_TLS)
          ? [`${url}: ${line}`, 'tls-mismatch']
          : [`it answers HTTP ${answer.statusCode ?? 0}: ${line}`];
        this.#socket.terminate();
      });
    });
    this.#socket.on('error', (error) => {
      if (this.#problem.length > 0) return;
      const problem = tlsProblem(error, `the im-server at ${url}`);
      this.#problem = problem === undefined ? [failureText(error, 0)] : [problem.text, problem.reason];
    });
    this.#socket.on('close', (code) => {
      if (this.#problem.length > 0 || code <= CLOSE_CODE_BASE) events.onClose(...this.#problem);
      else events.onClose(CLOSE_REASONS[closeReasonOf(code - CLOSE_CODE_BASE)].text);
    });
  }

  send(bytes: Uint8Array): boolean {
    if (this.#closing) return false;
    if (this.#pieces.length === 0) setImmediate(() => this.#flush());
    this.#pieces.push(bytes);
    this.#waiting ||= this.#socket.bufferedAmount > SOFT_BYTES;
    return !this.#waiting;
  }

  close(): void {
    if (this.#closing) return;
    this.#flush();
    this.#closing = true;
    this.#socket.close();
    const linger = setTimeout(() => this.#socket.terminate(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(linger));
  }

  #flush(): void {
    const pieces = this.#pieces;
    if (pieces.length === 0 || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#pieces = [];
    const [first] = pieces;
    const all = pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces);
    for (let at = 0; at < all.length; at += MESSAGE_BYTES)
      this.#socket.send(all.subarray(at, at + MESSAGE_BYTES), this.#onSent);
  }

  readonly #onSent = (): void => {
    if (!this.#waiting || this.#closing || this.#socket.bufferedAmount > SOFT_BYTES / 2) return;
    this.#waiting = false;
    this.#events.onDrain();
  };
}
