import { connect } from 'node:net';
import { failureText } from '../http-caller.ts';
import type { Connection, ConnectionEvents, Transport } from '../transport.ts';

/** A peer that does not close its side in this time is cut off [ms]. */
const LINGER_MS = 1_000;

/** Connections to im-servers over TCP. All that is sent in one turn of the event loop goes out in one write. */
export const tcp = (): Transport => (address, events) => {
  const socket = connect({ host: address.host, port: address.port, noDelay: true });
  return new TcpConnection(socket, events);
};

class TcpConnection implements Connection {
  readonly #socket: ReturnType<typeof connect>;
  #problem: string | undefined;
  #corked = false;
  #closing = false;

  constructor(socket: ReturnType<typeof connect>, events: ConnectionEvents) {
    this.#socket = socket;
    socket.once('connect', () => {
      if (!this.#closing) events.onOpen();
    });
    socket.on('data', (chunk: Buffer) => {
      if (!this.#closing) events.onBytes(chunk);
    });
    socket.on('drain', () => {
      if (!this.#closing) events.onDrain();
    });
    socket.on('error', (error) => (this.#problem = failureText(error, 0)));
    socket.once('close', () => events.onClose(this.#problem));
  }

  send(bytes: Uint8Array): boolean {
    if (this.#closing) return false;
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      setImmediate(() => this.#uncork());
    }
    return this.#socket.write(bytes);
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#socket.connecting) {
      this.#socket.destroy();
      return;
    }
    this.#uncork();
    this.#socket.end();
    const linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(linger));
  }

  #uncork(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
  }
}
