/**
 * One connection of the load. It reads frames, and writes at most once per turn of the event loop. Thousands
 * fit into a process.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { WheelEntry } from '@cim/channel';
import { cim, encodeFrame, FRAME_LIMITS, FrameDecoder } from '@cim/protocol';
import { handshakeFor, messageOf, ServerBytes } from './web-socket-bytes.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
  /** Address to connect from, on a loopback network: one address has only some 28,000 ports. */
  readonly localAddress?: string;
}

/** What carries the frames. */
export type Over = 'tcp' | 'ws' | 'tls';

/** The server's answer to one text of a sender. */
export type LinkReceipt = Pick<cim.Receipt, 'counter' | 'outcome' | 'code' | 'text'>;

/** The object to which all links of a process report. */
export interface LinkOwner {
  /** The link may send, and gets what is sent to it. */
  onReady(link: Link): void;
  /** A text has arrived. It begins at `at`. */
  onText(link: Link, bytes: Uint8Array, at: number): void;
  onReceipt(link: Link, receipt: LinkReceipt): void;
  onClosed(link: Link, why: string): void;
  /** The link has something to write by the end of this turn. */
  wantsFlush(link: Link): void;
  /** The link has something to ack within 200 ms. */
  wantsAck(link: Link): void;
  /** The link may have written nothing for too long, by its timer in the wheel. */
  onQuiet(link: Link): void;
}

/** Name of the field by which a socket knows its link, so that all links share one set of listeners. */
const LINK = Symbol('link');
type Linked = Socket & { [LINK]: Link };

/**
 * The bytes that a connection has just read, until they are decoded. A buffer for each read would cost more
 * than the rest of the read.
 */
const READ = Buffer.allocUnsafeSlow(64 * 1024);

export abstract class Link implements WheelEntry {
  /** Number of the link's user in the load. */
  readonly index: number;
  readonly owner: LinkOwner;
  readonly #socket: Linked;
  readonly #decoder = new FrameDecoder(FRAME_LIMITS.toClient);
  readonly #webSocket: ServerBytes | undefined;
  #out: Uint8Array[] = [];
  #closed = false;
  /** When the link wrote last [ms of performance.now()]. */
  wroteAt = 0;
  /**
   * When the first text to a group arrived that is not acked [ms of performance.now()]; Infinity when all
   * are.
   */
  groupUnackedAt = Number.POSITIVE_INFINITY;
  why = 'the connection ended';

  constructor(index: number, address: Address, owner: LinkOwner, over: Over = 'tcp') {
    this.index = index;
    this.owner = owner;
    if (over === 'ws') this.#webSocket = new ServerBytes();
    const how = { ...address, noDelay: true, onread: { buffer: READ, callback: Link.#onRead } };
    // The load checks no certificate: it is not what is measured.
    const socket = over === 'tls' ? connectTls({ ...how, rejectUnauthorized: false }) : connect(how);
    this.#socket = Object.assign(socket, { [LINK]: this });
    // The stream of the socket carries no data, but its end comes only when it flows.
    socket.resume();
    socket.on(over === 'tls' ? 'secureConnect' : 'connect', Link.#onConnect);
    socket.on('error', Link.#onError);
    socket.on('close', Link.#onClose);
  }

  protected abstract onConnect(): void;
  protected abstract onBody(body: Uint8Array): void;
  /** Writes a sign of life, when the link has written nothing for long. */
  abstract ping(): void;

  /** Acks the texts of the group, if any arrived. */
  ackGroup(): void {}
  /** Acks what has arrived, on a wire that has acks. */
  abstract ack(): void;

  get closed(): boolean {
    return this.#closed;
  }

  send(frame: Uint8Array): void {
    if (this.#out.push(frame) === 1) this.owner.wantsFlush(this);
  }

  sendFrame(frame: cim.Frame.$Properties): void {
    this.send(encodeFrame(cim.Frame, frame));
  }

  /** @param now the time [ms of performance.now()] */
  flush(now: number): void {
    const out = this.#out;
    this.#out = [];
    const [first] = out;
    if (first === undefined || this.#closed) return;
    this.wroteAt = now;
    const bytes = out.length === 1 ? first : Buffer.concat(out);
    this.#socket.write(this.#webSocket === undefined ? bytes : messageOf(bytes));
  }

  onTimeout(): void {
    this.owner.onQuiet(this);
  }

  end(error?: Error): void {
    this.#socket.destroy(error);
  }

  static #onConnect(this: Socket): void {
    const link = (this as Linked)[LINK];
    if (link.#webSocket === undefined) link.onConnect();
    else this.write(handshakeFor('127.0.0.1'));
  }

  /** Node calls it with the socket as `this`. */
  static #onRead(this: unknown, bytes: number): boolean {
    const link = (this as Linked)[LINK];
    const read = READ.subarray(0, bytes);
    if (link.#webSocket === undefined) link.onBytes(read);
    else {
      const problem = link.#webSocket.push(read, link);
      if (problem !== undefined) link.end(new Error(problem));
    }
    return true;
  }

  /** Of a WebSocket: the handshake is done. */
  onOpen(): void {
    this.onConnect();
  }

  /** Of a WebSocket: `pong` answers the server's ping. */
  onPing(pong: Buffer): void {
    this.#socket.write(pong);
  }

  onBytes(bytes: Buffer): void {
    this.#decoder.push<Link>(bytes, Link.#onFrame, this);
  }

  static #onFrame(this: Link, body: Uint8Array): boolean {
    this.onBody(body);
    return !this.#closed;
  }

  static #onError(this: Socket, error: NodeJS.ErrnoException): void {
    (this as Linked)[LINK].why = error.code ?? error.message;
  }

  static #onClose(this: Socket): void {
    const link = (this as Linked)[LINK];
    link.#closed = true;
    link.owner.onClosed(link, link.why);
  }
}
