/** One connection of the load: raw bytes to frames, and at most one write per turn. Thousands fit into a process. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { WheelEntry } from '@cim/channel';
import { cim, encodeFrame, FRAME_LIMITS, FrameDecoder } from '@cim/protocol';
import { handshakeFor, messageOf, ServerBytes } from './web-socket-bytes.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
  /** From where, on a loopback network: one address has some 28,000 ports. */
  readonly localAddress?: string;
}

/** What carries the frames. */
export type Over = 'tcp' | 'ws' | 'tls';

/** What a sender is told about one of its texts. */
export type LinkReceipt = Pick<cim.Receipt, 'counter' | 'outcome' | 'code' | 'text'>;

/** What links tell the process that holds them; one owner for all of them. */
export interface LinkOwner {
  /** It may send and gets what is sent to it. */
  onReady(link: Link): void;
  /** A text that begins at `at`. */
  onText(link: Link, bytes: Uint8Array, at: number): void;
  onReceipt(link: Link, receipt: LinkReceipt): void;
  onClosed(link: Link, why: string): void;
  /** Something is to be written by the end of this turn. */
  wantsFlush(link: Link): void;
  /** Something is to be acked within 200 ms. */
  wantsAck(link: Link): void;
  /** The wheel says that it may have written nothing for too long. */
  onQuiet(link: Link): void;
}

/** On the socket, so that all links share one set of listeners. */
const LINK = Symbol('link');
type Linked = Socket & { [LINK]: Link };

/** What any of the connections has just read, until it is decoded: a buffer for each read would cost more than the rest of it. */
const READ = Buffer.allocUnsafeSlow(64 * 1024);

export abstract class Link implements WheelEntry {
  /** The number that the load knows its holder by. */
  readonly index: number;
  readonly owner: LinkOwner;
  readonly #socket: Linked;
  readonly #decoder = new FrameDecoder(FRAME_LIMITS.toClient);
  readonly #webSocket: ServerBytes | undefined;
  #out: Uint8Array[] = [];
  #closed = false;
  /** ms, of performance.now(): its last write. */
  wroteAt = 0;
  /** The same, of the first text to a group that is not acked; Infinity when there is none. */
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
    // There is nothing in it to read: without this its end would never come.
    socket.resume();
    socket.on(over === 'tls' ? 'secureConnect' : 'connect', Link.#onConnect);
    socket.on('error', Link.#onError);
    socket.on('close', Link.#onClose);
  }

  protected abstract onConnect(): void;
  protected abstract onBody(body: Uint8Array): void;
  /** Shows that it lives, when it has written nothing for long. */
  abstract ping(): void;

  /** Acks what came to the group, if anything did. */
  ackGroup(): void {}
  /** Acks what was taken, on a wire that has acks. */
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

  /** @param now ms, of performance.now() */
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

  /** Node calls it on the socket. */
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
