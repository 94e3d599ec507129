import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { failureText } from '../http-caller.ts';
import type { Address, Connection, ConnectionEvents, Transport } from '../transport.ts';
import { tlsProblem, type trustOf } from './trust.ts';

/** A peer that does not close its side within this time is cut off [ms]. */
const LINGER_MS = 1_000;

/**
 * Connects to im-servers over TCP, in plain text. All bytes of one turn of the event loop go out in one
 * write.
 */
export const tcp = (): Transport => (address, events) => {
  const socket = connect({ host: address.host, port: address.port, noDelay: true });
  return new SocketConnection(socket, 'connect', address, events);
};

/** The same with TLS. */
export const tcpWithTls =
  (trust: ReturnType<typeof trustOf>): Transport =>
  (address, events) => {
    const { host, port } = address;
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = connectTls({ host, port, ...name, ...trust });
    socket.setNoDelay();
    return new SocketConnection(socket, 'secureConnect', address, events);
  };

class SocketConnection implements Connection {
  readonly #socket: Socket;
  #problem: Parameters<ConnectionEvents['onClose']> = [];
  #open = false;
  #corked = false;
  #closing = false;

  /** @param opens name of the socket's event after which bytes may be sent */
  constructor(
    socket: Socket,
    opens: 'connect' | 'secureConnect',
    { host, port }: Address,
    events: ConnectionEvents,
  ) {
    this.#socket = socket;
    socket.once(opens, () => {
      if (this.#closing) return;
      this.#open = true;
      events.onOpen();
    });
    socket.on('data', (chunk: Buffer) => {
      if (!this.#closing) events.onBytes(chunk);
    });
    socket.on('drain', () => {
      if (!this.#closing) events.onDrain();
    });
    socket.on('error', (error) => {
      const problem = tlsProblem(error, `the im-server ${host}:${port}`);
      this.#problem = problem === undefined ? [failureText(error, 0)] : [problem.text, problem.reason];
    });
    socket.once('close', () => events.onClose(...this.#problem));
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
    if (!this.#open) {
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
