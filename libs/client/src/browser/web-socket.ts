import { CLOSE_REASONS, closeReasonOf } from '@cim/protocol';
import type { Address, Connection, ConnectionEvents, Transport } from '../transport.ts';
import type { Cancel, Timers } from '../timers.ts';

const SUBPROTOCOL = 'cim.v2';
const PATH = '/cim';
/** An im-server closes with this plus the number of a close reason. */
const CLOSE_CODE_BASE = 4_000;
/** Bytes that the browser has not sent yet: above it `send` answers false, below half of it there is room again. */
const SOFT_BYTES = 256 * 1024;
/** A browser does not say when it has sent something [ms]. */
const LOOK_MS = 50;

/** Connections to im-servers over WebSockets. */
export const webSocket =
  (timers: Timers): Transport =>
  (address, events) =>
    new WebSocketConnection(webSocketUrl(address, location), timers, events);

/**
 * The URL that the server has told, when it is one of WebSockets; else its port, which takes them too: with TLS when the page came
 * with it, since a browser allows nothing else, or when the server says that its port speaks it. A page of this machine reaches a
 * server of this machine under the page's own name: to a browser `localhost` and `127.0.0.1` are two hosts, and the server takes
 * pages of its own host.
 */
export function webSocketUrl({ host, port, url = '', tls = false }: Address, page: PageAddress): string {
  if (/^wss?:/.test(url)) return url;
  const secure = tls || page.protocol === 'https:' || url.startsWith('tls:');
  const told = host.includes(':') ? `[${host}]` : host;
  const name = isLoopback(told) && isLoopback(page.hostname) ? page.hostname : told;
  return `${secure ? 'wss' : 'ws'}://${name}:${port}${PATH}`;
}

/** What of a page's `location` counts. */
type PageAddress = Pick<Location, 'protocol' | 'hostname'>;

const isLoopback = (host: string): boolean => /^(?:localhost|127\.[\d.]+|\[::1\])$/.test(host);

class WebSocketConnection implements Connection {
  readonly #socket: WebSocket;
  readonly #timers: Timers;
  readonly #events: ConnectionEvents;
  #closing = false;
  #looking: Cancel | undefined;

  constructor(url: string, timers: Timers, events: ConnectionEvents) {
    this.#timers = timers;
    this.#events = events;
    this.#socket = new WebSocket(url, SUBPROTOCOL);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.onopen = () => {
      if (!this.#closing) events.onOpen();
    };
    this.#socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (!this.#closing && data instanceof ArrayBuffer) events.onBytes(new Uint8Array(data));
    };
    this.#socket.onclose = ({ code, wasClean }) => {
      this.#looking?.();
      events.onClose(problemOf(code, wasClean));
    };
  }

  send(bytes: Uint8Array): boolean {
    if (this.#closing || this.#socket.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(bytes as Uint8Array<ArrayBuffer>);
    if (this.#socket.bufferedAmount <= SOFT_BYTES) return true;
    this.#looking ??= this.#timers.after(LOOK_MS, () => this.#look());
    return false;
  }

  close(): void {
    this.#closing = true;
    this.#socket.close();
  }

  #look(): void {
    this.#looking = undefined;
    if (this.#closing) return;
    if (this.#socket.bufferedAmount > SOFT_BYTES / 2)
      this.#looking = this.#timers.after(LOOK_MS, () => this.#look());
    else this.#events.onDrain();
  }
}

/** Undefined when the other side has closed it as usual. */
function problemOf(code: number, wasClean: boolean): string | undefined {
  if (code > CLOSE_CODE_BASE) return CLOSE_REASONS[closeReasonOf(code - CLOSE_CODE_BASE)].text;
  return wasClean ? undefined : 'the connection was cut';
}
