import type { Duplex } from 'node:stream';
import { varintAt } from './raw-protobuf.ts';

interface Waiter<F> {
  readonly wanted: (frame: F) => boolean;
  readonly resolve: (frame: F) => void;
  readonly reject: (error: Error) => void;
}

/** Is told of all bytes of a connection: pieces as the client sends them, whole frames of the server. */
export type Hear = (side: 'client' | 'server', bytes: Buffer) => void;

/** A connection that carries frames, and reads them without any code of ours that is tested. */
export class RawConnection<F> {
  readonly #socket: Duplex;
  readonly #parse: (body: Buffer) => F;
  readonly #hear: Hear | undefined;
  /** Resolves when the connection has ended in any way. */
  readonly closed: Promise<void>;
  /**
   * Callers of `next` that wait. Each is removed when its frame has come, its time is over or the connection
   * has ended.
   */
  readonly #waiters = new Set<Waiter<F>>();
  #unread: F[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #fault: Error | undefined;
  #open = true;

  /** @param parse reads the body of a frame; its error is the fault that ends the connection */
  protected constructor(socket: Duplex, parse: (body: Buffer) => F, hear?: Hear) {
    this.#socket = socket;
    this.#parse = parse;
    this.#hear = hear;
    socket.on('data', (data: Buffer) => this.#read(data));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.#open = false;
        for (const waiter of this.#waiters) waiter.reject(this.#fault ?? new Error('the channel was closed'));
        resolve();
      }),
    );
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Frames that no caller has taken yet. */
  get unread(): readonly F[] {
    return this.#unread;
  }

  /** The error that would have ended a client. */
  get fault(): Error | undefined {
    return this.#fault;
  }

  send(bytes: Uint8Array): void {
    this.#hear?.('client', Buffer.from(bytes));
    this.#socket.write(bytes);
  }

  /** Waits for the first frame that fits and takes it. Others stay unread. */
  async next(what = 'a frame', wanted: (frame: F) => boolean = () => true, withinMs = 5_000): Promise<F> {
    if (this.#fault) throw this.#fault;
    const at = this.#unread.findIndex(wanted);
    const [found] = at < 0 ? [] : this.#unread.splice(at, 1);
    if (found !== undefined) return found;
    if (!this.#open) throw new Error(`the channel was closed before ${what}`);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter<F> = {
        wanted,
        resolve: (frame) => {
          leave();
          resolve(frame);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      const timer = setTimeout(
        () => waiter.reject(new Error(`not within ${withinMs} ms: ${what}`)),
        withinMs,
      );
      this.#waiters.add(waiter);
    });
  }

  /** Stops reading, like a client that hangs. */
  pause(): void {
    this.#socket.pause();
  }

  /** Closes the connection. Throws the error that would have ended a client. */
  async end(): Promise<void> {
    this.#socket.destroy();
    await this.closed;
    if (this.#fault) throw this.#fault;
  }

  #read(data: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, data]);
    try {
      for (;;) {
        const length = varintAt(this.#rest, 0, 5);
        if (length === undefined || this.#rest.length < length.next + length.value) return;
        const end = length.next + length.value;
        this.#hear?.('server', this.#rest.subarray(0, end));
        const frame = this.#parse(this.#rest.subarray(length.next, end));
        this.#rest = this.#rest.subarray(end);
        const waiter = [...this.#waiters].find(({ wanted }) => wanted(frame));
        if (waiter === undefined) this.#unread.push(frame);
        else waiter.resolve(frame);
      }
    } catch (error) {
      this.#fault = error instanceof Error ? error : new Error(String(error));
      this.#socket.destroy();
    }
  }
}
