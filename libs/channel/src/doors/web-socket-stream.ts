import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { CLOSE_REASONS, type CloseReason } from '@cim/protocol';
import type { WebSocket } from 'ws';
import type { ByteStream } from '../byte-stream.ts';

/**
 * Close codes from 4000 on belong to the application (RFC 6455, section 7.4.2). A close reason has this code
 * plus its number.
 */
const CLOSE_CODE_BASE = 4_000;
/** The close code for data of a kind that is not accepted (RFC 6455). */
const UNACCEPTED_DATA = 1_003;

const NOTHING = Buffer.alloc(0);
const STREAM = Symbol('stream');
type Listener<T> = (this: never, argument: T) => void;
type Owned = WebSocket & { [STREAM]: WebSocketStream };

/**
 * Makes one WebSocket message of the written bytes, header included. A text to a group is the same bytes for
 * thousands of sessions, which are written one after the other. So the newest message is remembered and used
 * again for the same bytes.
 */
class Messages {
  #of: Uint8Array | undefined;
  #made: Uint8Array = NOTHING;

  of(bytes: Uint8Array): Uint8Array {
    if (bytes !== this.#of) {
      this.#made = Buffer.concat([binaryHeader(bytes.length), bytes]);
      this.#of = bytes;
    }
    return this.#made;
  }
}

/** Shared by all WebSockets of the process. It remembers one message, of at most 1 MiB. */
const messages = new Messages();

/**
 * Carries a stream of bytes in the binary messages of a WebSocket, in both directions. The boundaries of
 * messages mean nothing. All WebSockets share one set of listeners: a closure for each event would cost more
 * than the rest of the connection.
 */
export class WebSocketStream implements ByteStream {
  readonly #webSocket: Owned;
  readonly #socket: Duplex & Partial<Pick<Socket, 'remoteAddress' | 'remotePort' | 'setNoDelay'>>;
  #onData: Listener<Buffer> | undefined;
  #onError: Listener<NodeJS.ErrnoException> | undefined;
  #onClose: Listener<undefined> | undefined;

  /** @param socket the connection under the WebSocket */
  constructor(webSocket: WebSocket, socket: Duplex) {
    this.#webSocket = Object.assign(webSocket, { [STREAM]: this });
    this.#socket = socket;
    webSocket.on('message', WebSocketStream.#onMessage);
    webSocket.on('ping', WebSocketStream.#onLife);
    webSocket.on('pong', WebSocketStream.#onLife);
    webSocket.on('error', WebSocketStream.#onFailed);
    webSocket.on('close', WebSocketStream.#onClosed);
  }

  get closed(): boolean {
    return this.#webSocket.readyState === this.#webSocket.CLOSED;
  }

  get destroyed(): boolean {
    return this.#socket.destroyed;
  }

  get writable(): boolean {
    return this.#webSocket.readyState === this.#webSocket.OPEN && this.#socket.writable;
  }

  get writableLength(): number {
    return this.#socket.writableLength;
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#socket.remotePort;
  }

  on(event: string, listener: (this: never, argument: never) => void): this {
    if (event === 'data') this.#onData = listener as Listener<Buffer>;
    else if (event === 'error') this.#onError = listener as Listener<NodeJS.ErrnoException>;
    else if (event === 'close') this.#onClose = listener as Listener<undefined>;
    // A WebSocket cannot be half-closed: `close` would follow `end` at once.
    return this;
  }

  /** Bypasses the sender of `ws`, which would make the header again for each recipient of the same bytes. */
  write(bytes: Uint8Array, taken?: (error?: Error | null) => void): boolean {
    const message = bytes.length === 0 ? bytes : messages.of(bytes);
    return taken === undefined ? this.#socket.write(message) : this.#socket.write(message, taken);
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  end(): void {
    this.#webSocket.close();
  }

  endWith(reason: CloseReason): void {
    const { number, text } = CLOSE_REASONS[reason];
    this.#webSocket.close(CLOSE_CODE_BASE + number, text);
  }

  destroy(): void {
    this.#webSocket.terminate();
  }

  setNoDelay(on: boolean): void {
    this.#socket.setNoDelay?.(on);
  }

  probe(): void {
    if (this.writable) this.#webSocket.ping();
  }

  #hear(chunk: Buffer): void {
    this.#onData?.call(this as never, chunk);
  }

  static #onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
    if (isBinary) (this as Owned)[STREAM].#hear(data as Buffer);
    else this.close(UNACCEPTED_DATA, 'send binary messages');
  }

  static #onLife(this: WebSocket): void {
    (this as Owned)[STREAM].#hear(NOTHING);
  }

  /** `ws` has sent its close code already, and closes. */
  static #onFailed(this: WebSocket, error: NodeJS.ErrnoException): void {
    const stream = (this as Owned)[STREAM];
    stream.#onError?.call(stream as never, error);
  }

  static #onClosed(this: WebSocket): void {
    const stream = (this as Owned)[STREAM];
    stream.#onClose?.call(stream as never, undefined);
  }
}

/** The header of a whole, unmasked binary message (RFC 6455, section 5.2). */
function binaryHeader(length: number): Buffer {
  if (length < 126) return Buffer.from([0x82, length]);
  const header = Buffer.alloc(length < 65_536 ? 4 : 10);
  header[0] = 0x82;
  if (length < 65_536) {
    header[1] = 126;
    header.writeUInt16BE(length, 2);
  } else {
    header[1] = 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  return header;
}
