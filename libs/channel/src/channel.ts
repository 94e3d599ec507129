/** One framed duplex connection. It knows no user: bytes in, frames out, and one reason for its end. */
import type { Duplex } from 'node:stream';
import { type CloseReason, FrameDecoder, FrameError } from '@cim/protocol';
import type { Flushable, TurnFlusher } from './turn-flusher.ts';

const SOFT_BYTES = 256 * 1024;
const HARD_BYTES = 512 * 1024;
/** A peer that does not close its side in this time is cut off, in ms. */
const LINGER_MS = 1_000;

export interface ChannelEvents {
  /** One frame's body: a view, keep a copy beyond the next turn only of what must live longer. */
  onFrame(body: Uint8Array): void;
  /** Once, when the connection has ended, never within `close()`. */
  onClose(reason: CloseReason, detail?: string): void;
  /** The outbox is empty again after `send` answered false. */
  onDrain?(): void;
}

export interface ChannelOptions {
  /** Longest frame body that may come in, in bytes. */
  readonly limit: number;
  readonly flusher: TurnFlusher;
  readonly events: ChannelEvents;
  /** Over this `send` answers false. */
  readonly outboxSoftBytes?: number;
  /** Over this the channel closes as `slow-consumer`. */
  readonly outboxHardBytes?: number;
}

export class Channel implements Flushable {
  readonly #socket: Duplex;
  readonly #flusher: TurnFlusher;
  readonly #events: ChannelEvents;
  readonly #decoder: FrameDecoder;
  readonly #soft: number;
  readonly #hard: number;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #blocked = false;
  #flushed: (() => void)[] | undefined;
  #reason: CloseReason | undefined;
  #detail: string | undefined;
  #ended = false;
  #lastHeard = performance.now();
  #lastWrote = this.#lastHeard;

  constructor(socket: Duplex, options: ChannelOptions) {
    this.#socket = socket;
    this.#flusher = options.flusher;
    this.#events = options.events;
    this.#decoder = new FrameDecoder(options.limit);
    this.#soft = options.outboxSoftBytes ?? SOFT_BYTES;
    this.#hard = options.outboxHardBytes ?? HARD_BYTES;
    if ('setNoDelay' in socket) (socket as Duplex & { setNoDelay(on: boolean): void }).setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('drain', () => this.#onDrain());
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail('error', error.code ?? error.message));
    // The other side has said all it will say: so have we.
    socket.on('end', () => this.close('closed'));
    socket.on('close', () => this.#onEnd());
  }

  /** Why it is closing or closed. */
  get closed(): CloseReason | undefined {
    return this.#reason;
  }

  /** ms, monotonic: the last bytes that came. */
  get lastHeard(): number {
    return this.#lastHeard;
  }

  /** ms, monotonic: the last bytes that went. */
  get lastWrote(): number {
    return this.#lastWrote;
  }

  /** Bytes that the kernel has not taken. */
  get queuedBytes(): number {
    return this.#queued + this.#socket.writableLength;
  }

  get remote(): string {
    const { remoteAddress, remotePort } = this.#socket as { remoteAddress?: string; remotePort?: number };
    return `${remoteAddress ?? '?'}:${remotePort ?? '?'}`;
  }

  setLimit(bytes: number): void {
    this.#decoder.limit = bytes;
  }

  /**
   * Queues one encoded frame, header included; it goes out with all others of this turn in one write.
   * False: the outbox is over its soft limit (or the channel is closed); go on after `onDrain`.
   */
  send(frame: Uint8Array): boolean {
    if (this.#reason !== undefined) return false;
    if (this.#queue.push(frame) === 1) this.#flusher.schedule(this);
    this.#queued += frame.length;
    const waiting = this.#queued + this.#socket.writableLength;
    if (waiting > this.#hard) {
      this.#fail('slow-consumer', `${waiting} bytes were not read`);
      return false;
    }
    if (waiting <= this.#soft) return true;
    this.#blocked = true;
    return false;
  }

  /** `callback` runs when the kernel has taken all that was sent so far; never if the channel ends first. */
  flushed(callback: () => void): void {
    if (this.#queued === 0 && this.#socket.writableLength === 0) queueMicrotask(callback);
    else (this.#flushed ??= []).push(callback);
  }

  /** Called by the flusher. */
  flush(): void {
    if (this.#queue.length === 0 || this.#ended) return;
    const bytes = this.#queue.length === 1 ? (this.#queue[0] as Uint8Array) : Buffer.concat(this.#queue, this.#queued);
    this.#queue = [];
    this.#queued = 0;
    this.#lastWrote = performance.now();
    const flushed = this.#flushed;
    this.#flushed = undefined;
    if (flushed === undefined) this.#socket.write(bytes);
    else
      this.#socket.write(bytes, (error) => {
        if (error === null || error === undefined) for (const callback of flushed) callback();
      });
    // A socket that took all at once never says `drain`.
    if (this.#blocked && !this.#socket.writableNeedDrain) this.#onDrain();
  }

  /** Sends what is queued, then `last`, then ends. What the other side still says is ignored. Idempotent. */
  close(reason: CloseReason, last?: Uint8Array): void {
    if (this.#reason !== undefined) return;
    if (last !== undefined) this.send(last);
    if (this.#reason !== undefined) return;
    this.flush();
    this.#reason = reason;
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
  }

  #fail(reason: CloseReason, detail: string): void {
    this.#reason ??= reason;
    this.#detail ??= detail;
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    this.#lastHeard = performance.now();
    if (this.#reason !== undefined) return;
    try {
      this.#decoder.push(chunk, this.#onBody);
    } catch (error) {
      if (error instanceof FrameError) {
        this.#detail = error.message;
        this.close(error.reason);
      } else this.#fail('error', error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }

  readonly #onBody = (body: Uint8Array): boolean => {
    this.#events.onFrame(body);
    return this.#reason === undefined;
  };

  #onDrain(): void {
    if (!this.#blocked || this.#reason !== undefined) return;
    this.#blocked = false;
    this.#events.onDrain?.();
  }

  #onEnd(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reason ??= 'closed';
    this.#queue = [];
    this.#flushed = undefined;
    this.#events.onClose(this.#reason, this.#detail);
  }
}
