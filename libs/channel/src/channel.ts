/** One framed duplex connection. It knows no user: bytes come in, frames go out, and it ends for one reason. */
import { type CloseReason, FrameDecoder, FrameError } from '@cim/protocol';
import type { ByteStream } from './byte-stream.ts';
import { Outbox } from './outbox.ts';
import { SLICE_MS } from './slice-ms.ts';
import type { Flushable, TurnFlusher } from './turn-flusher.ts';
import { warnOf } from './unexpected.ts';

const SOFT_BYTES = 256 * 1024;
const HARD_BYTES = 512 * 1024;
/** The channel checks the time after this many frames of one read. */
const CHECKED = 32;
/**
 * When the frames of a read took this long, the next read waits for a later turn [ms]: libuv may do 32 reads
 * of one connection in a turn.
 */
const LONG_READ_MS = 1;
/** A peer that does not close its side within this time is cut off [ms]. */
const LINGER_MS = 1_000;

/**
 * The events that a channel reports to its owner. No callback runs within a method of the channel. A callback
 * that throws closes this channel as `error`, and disturbs no other channel.
 */
export interface ChannelEvents {
  /**
   * Called with the body of each frame. The body is a view of the bytes that were read: copy it to keep it.
   * Never called after `close`.
   */
  onFrame(body: Uint8Array): void;
  /**
   * Called once when the connection is gone, in a later turn than the `close` or the failure that ended it.
   * @param detail for the log: an error's code, or what was wrong with the bytes
   */
  onClose(reason: CloseReason, detail?: string): void;
  /** Called after `send` has answered false, when half of the soft limit is free again. */
  onDrain?(): void;
  /**
   * Called when another callback threw, which is a programming error. Without it the error becomes a warning
   * of the process.
   */
  onUnexpected?(error: unknown): void;
}

export interface ChannelOptions {
  /** Longest frame body that may come in [bytes]. */
  readonly limit: number;
  readonly flusher: TurnFlusher;
  readonly events: ChannelEvents;
  /** Above this many queued bytes `send` answers false. */
  readonly outboxSoftBytes?: number;
  /** Above this many queued bytes the channel closes as `slow-consumer`. */
  readonly outboxHardBytes?: number;
}

/**
 * Property of the socket that names its channel. With it all channels share one set of listeners; five
 * closures for each would cost more than the channel.
 */
const OWNER = Symbol('channel');
type Owned = ByteStream & { [OWNER]: Channel };

export class Channel implements Flushable {
  readonly #socket: Owned;
  readonly #flusher: TurnFlusher;
  readonly #events: ChannelEvents;
  readonly #decoder: FrameDecoder;
  readonly #outbox = new Outbox();
  readonly #soft: number;
  readonly #hard: number;
  #scheduled = false;
  /**
   * Whether the socket may hold bytes that the kernel has not taken. Asking the socket costs more than the
   * rest of `send`.
   */
  #backlog = false;
  /** When the outbox exceeded the soft limit, while it has not drained since; 0 otherwise. */
  #stalledSince = 0;
  /** Callbacks that wait for the next write. */
  #waiting: (() => void)[] | undefined;
  /** Callbacks for each write that the kernel has not taken and that somebody waits for, in order. */
  #writing: (() => void)[][] | undefined;
  #onTaken: ((error?: Error | null) => void) | undefined;
  #reason: CloseReason | undefined;
  #detail: string | undefined;
  #gone = false;
  #paused = false;
  /**
   * Bytes that were read but not handed out: the channel was paused, or their frames take longer than a
   * slice.
   */
  #held: Buffer | undefined;
  /** Whether `#goOn` is due. */
  #goesOn = false;
  /** Number of frames handed out of the current read, and when that began [ms, performance.now()]. */
  #frames = 0;
  #begun = 0;
  #remote: string | undefined;
  #remoteAddress: string | undefined;
  #linger: NodeJS.Timeout | undefined;
  #lastHeard = performance.now();
  #lastWrote = this.#lastHeard;

  constructor(socket: ByteStream, options: ChannelOptions) {
    this.#socket = Object.assign(socket, { [OWNER]: this });
    this.#flusher = options.flusher;
    this.#events = options.events;
    this.#decoder = new FrameDecoder(options.limit);
    this.#soft = options.outboxSoftBytes ?? SOFT_BYTES;
    this.#hard = options.outboxHardBytes ?? HARD_BYTES;
    this.#socket.setNoDelay?.(true);
    socket.on('data', Channel.#onData);
    socket.on('error', Channel.#onError);
    socket.on('end', Channel.#onEnd);
    socket.on('close', Channel.#onClose);
    // The socket broke between being accepted and coming here. Its `close` event does not come again.
    if (socket.closed) setImmediate(() => this.#ended());
  }

  /** The reason why the channel is closing or closed; undefined while it is open. */
  get closed(): CloseReason | undefined {
    return this.#reason;
  }

  /** When the last bytes came in [ms, performance.now()]. */
  get lastHeard(): number {
    return this.#lastHeard;
  }

  /** When the last bytes went out [ms, performance.now()]. */
  get lastWrote(): number {
    return this.#lastWrote;
  }

  /**
   * Since when `send` answers false because the peer does not read [ms, performance.now()]; undefined when it
   * does not answer false.
   */
  get stalledSince(): number | undefined {
    return this.#stalledSince === 0 ? undefined : this.#stalledSince;
  }

  /** Bytes that the kernel has not taken yet. */
  get queuedBytes(): number {
    return this.#outbox.bytes + (this.#backlog ? this.#socket.writableLength : 0);
  }

  /** `ip:port`, for people; `?` when the connection broke before anybody asked. */
  /** IP address of the peer; '' when it is no longer known. */
  get remoteAddress(): string {
    return this.#remoteAddress ?? this.#socket.remoteAddress ?? '';
  }

  get remote(): string {
    if (this.#remote !== undefined) return this.#remote;
    const { remoteAddress, remotePort } = this.#socket;
    if (remoteAddress === undefined) return '?';
    this.#remote = `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort ?? '?'}`;
    return this.#remote;
  }

  /** Changes the longest frame body that may come in, from the next header on [bytes]. */
  setLimit(bytes: number): void {
    this.#decoder.limit = bytes;
  }

  /**
   * Queues an encoded frame, or several, headers included. All frames of one turn of the event loop go out in
   * one write. The bytes must not change afterwards; they may be sent to many channels.
   * @returns false when the outbox is over its soft limit (go on after `onDrain`), or when the channel is
   * closed and the frames are dropped
   */
  send(frames: Uint8Array): boolean {
    if (this.#reason !== undefined) return false;
    const waiting = this.queuedBytes + frames.length;
    if (waiting > this.#hard) {
      this.#fail('slow-consumer', `${waiting} bytes wait to be read, ${this.#hard} are allowed`);
      return false;
    }
    this.#outbox.push(frames);
    this.#schedule();
    if (waiting <= this.#soft) return this.#stalledSince === 0;
    if (this.#stalledSince === 0) this.#stalledSince = performance.now();
    return false;
  }

  /**
   * Calls `callback` when the kernel has taken everything sent so far: always in a later turn, and before
   * `onClose`. It is never called if the connection ends first or is closing already.
   */
  flushed(callback: () => void): void {
    if (this.#reason !== undefined) return;
    (this.#waiting ??= []).push(callback);
    this.#schedule();
  }

  /**
   * Stops handing out frames until `resume`, also those that were read already. Further bytes of the peer
   * stay with the kernel.
   */
  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#held === undefined) this.#socket.resume();
    else this.#goOnLater();
  }

  /** Writes what is queued. The flusher calls it. */
  flush(now: number): void {
    this.#scheduled = false;
    if (this.#gone || !this.#socket.writable) return;
    const waiting = this.#waiting;
    const asked = waiting !== undefined || this.#stalledSince !== 0;
    if (this.#outbox.bytes === 0 && !asked) return;
    if (this.#outbox.bytes > 0) this.#lastWrote = now;
    const bytes = this.#outbox.take(this.#flusher.joiner);
    if (asked) {
      this.#waiting = undefined;
      (this.#writing ??= []).push(waiting ?? []);
      this.#onTaken ??= (error) => this.#taken(error);
      this.#socket.write(bytes, this.#onTaken);
    } else this.#socket.write(bytes);
    this.#backlog = this.#socket.writableLength > 0;
  }

  /**
   * Sends what is queued, then `last`, then ends. A peer that has not closed its side after 1 s is cut off.
   * Bytes that the peer still sends are ignored. The first reason stays. Idempotent.
   */
  close(reason: CloseReason, last?: Uint8Array): void {
    if (this.#reason !== undefined) return;
    this.#end(reason);
    if (last !== undefined && this.queuedBytes + last.length <= this.#hard) this.#outbox.push(last);
    this.flush(performance.now());
    if (this.#socket.endWith === undefined) this.#socket.end();
    else this.#socket.endWith(reason);
    // Node keeps one timer for all timeouts of one duration, and only closing channels have one.
    this.#linger = setTimeout(destroy, LINGER_MS, this.#socket);
  }

  /** Whether the transport can ask the peer for a sign of life below the frames. */
  get canProbe(): boolean {
    return this.#socket.probe !== undefined;
  }

  /** Asks the peer for a sign of life below the frames. Its answer counts as heard. */
  probe(): void {
    if (this.#reason === undefined) this.#socket.probe?.();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#flusher.schedule(this);
  }

  #end(reason: CloseReason): void {
    this.#remote = this.remote;
    this.#remoteAddress = this.remoteAddress;
    this.#reason = reason;
  }

  #fail(reason: CloseReason, detail: string): void {
    if (this.#reason === undefined) this.#end(reason);
    this.#detail ??= detail;
    this.#socket.destroy();
  }

  #threw(error: unknown): void {
    this.#fail('error', `a callback failed: ${error instanceof Error ? error.message : String(error)}`);
    try {
      if (this.#events.onUnexpected === undefined) warnOf(error);
      else this.#events.onUnexpected(error);
    } catch (again) {
      warnOf(again);
    }
  }

  #taken(error: Error | null | undefined): void {
    const callbacks = this.#writing?.shift() ?? [];
    // Node reports the writes of a destroyed socket as successful.
    if ((error !== null && error !== undefined) || this.#socket.destroyed) return;
    try {
      for (const callback of callbacks) callback();
      if (this.#stalledSince === 0 || this.#reason !== undefined || this.queuedBytes > this.#soft / 2) return;
      this.#stalledSince = 0;
      this.#events.onDrain?.();
    } catch (thrown) {
      this.#threw(thrown);
    }
  }

  #heard(chunk: Buffer): void {
    this.#lastHeard = performance.now();
    if (this.#held === undefined) this.#take(chunk, this.#lastHeard);
    else this.#held = Buffer.concat([this.#held, chunk]);
  }

  #goOnLater(): void {
    if (this.#goesOn) return;
    this.#goesOn = true;
    setImmediate(() => this.#goOn());
  }

  #goOn(): void {
    this.#goesOn = false;
    const held = this.#held;
    if (this.#paused || held === undefined) return;
    this.#held = undefined;
    this.#take(held, performance.now());
    if (this.#readsOn()) this.#socket.resume();
  }

  /**
   * Hands out the frames of one read for one slice. The rest follows in later turns, and no further bytes are
   * read until then.
   */
  #take(chunk: Buffer, now: number): void {
    if (this.#reason !== undefined) return;
    this.#frames = 0;
    this.#begun = now;
    try {
      const taken = this.#paused ? 0 : this.#decoder.push<Channel>(chunk, Channel.#onBody, this);
      if (!this.#isOpen() || (taken === chunk.length && !this.#wasLong())) return;
      this.#held = chunk.subarray(taken);
      if (this.#paused) return;
      this.#socket.pause();
      this.#goOnLater();
    } catch (error) {
      if (!(error instanceof FrameError)) return this.#threw(error);
      this.#detail = error.message;
      this.close(error.reason);
    }
  }

  /** Whether the frames of this read have taken a slice. */
  #isSliceOver(): boolean {
    return ++this.#frames % CHECKED === 0 && performance.now() - this.#begun >= SLICE_MS;
  }

  #wasLong(): boolean {
    return this.#frames >= CHECKED && performance.now() - this.#begun >= LONG_READ_MS;
  }

  /** Whether the channel goes on reading. Asked after callbacks, which may have paused it. */
  #readsOn(): boolean {
    return this.#held === undefined && !this.#paused;
  }

  /** Whether the channel is open. Asked after callbacks, which may have closed it. */
  #isOpen(): boolean {
    return this.#reason === undefined;
  }

  #ended(): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#reason === undefined) this.#end('closed');
    clearTimeout(this.#linger);
    this.#outbox.clear();
    this.#waiting = undefined;
    try {
      this.#events.onClose(this.#reason ?? 'closed', this.#detail);
    } catch (error) {
      this.#threw(error);
    }
  }

  static #onData(this: ByteStream, chunk: Buffer): void {
    (this as Owned)[OWNER].#heard(chunk);
  }

  static #onBody(this: Channel, body: Uint8Array): boolean {
    this.#events.onFrame(body);
    return this.#reason === undefined && !this.#paused && !this.#isSliceOver();
  }

  static #onError(this: ByteStream, error: NodeJS.ErrnoException): void {
    (this as Owned)[OWNER].#fail('error', error.code ?? error.message);
  }

  /** The other side sends nothing more, so this side ends too. */
  static #onEnd(this: ByteStream): void {
    (this as Owned)[OWNER].close('closed');
  }

  static #onClose(this: ByteStream): void {
    (this as Owned)[OWNER].#ended();
  }
}

function destroy(socket: ByteStream): void {
  socket.destroy();
}
