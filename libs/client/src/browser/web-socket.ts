import { CLOSE_REASONS, closeReasonOf } from '@cim/protocol';
import type { Address, Connection, ConnectionEvents, Transport } from '../transport.ts';
import type { Cancel, Timers } from '../timers.ts';

const SUBPROTOCOL = 'cim.v2';
const PATH = '/cim';
/** An im-server closes a WebSocket with this code plus the number of a close reason. */
const CLOSE_CODE_BASE = 4_000;
/**
 * Bytes that the browser has not sent. Above this `send` answers false; below half of it there is room again.
 */
const SOFT_BYTES = 256 * 1024;
/** Interval for checking the unsent bytes [ms], since a browser does not report them. */
const LOOK_MS = 50;

/** Connects to im-servers over WebSockets. */
export const webSocket =
  (timers: Timers): Transport =>
  (address, events) =>
    new WebSocketConnection(webSocketUrl(address, location), timers, events);

/**
 * The URL of a WebSocket. If the server's URL is one, it is used. Otherwise the server's port, which accepts
 * WebSockets too: with TLS when the page came with it, since a browser allows nothing else, or when the
 * server says so. A page of this machine uses its own host name for a server of this machine: to a browser
 * `localhost` and `127.0.0.1` are different hosts, and the server accepts only pages of its own host.
 */
export function webSocketUrl({ host, port, url = '', tls = false }: Address, page: PageAddress): string {
  if (/^wss?:/.test(url)) return url;
  const secure = tls || page.protocol === 'https:' || url.startsWith('tls:');
  const told = host.includes(':') ? `[${host}]` : host;
  const name = isLoopback(told) && isLoopback(page.hostname) ? page.hostname : told;
  return `${secure ? 'wss' : 'ws'}://${name}:${port}${PATH}`;
}

/** The parts of a page's `location` that matter. */
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

/** In words, why a WebSocket ended; undefined when the other side closed it as usual. */
function problemOf(code: number, wasClean: boolean): string | undefined {
  if (code > CLOSE_CODE_BASE) return CLOSE_REASONS[closeReasonOf(code - CLOSE_CODE_BASE)].text;
  return wasClean ? undefined : 'the connection was cut';
}
