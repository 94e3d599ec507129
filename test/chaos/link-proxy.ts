/**
 * A TCP relay in place of a link. It can cut, swallow, half-close, reset and delay, and cut after a number of
 * bytes.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

interface Address {
  readonly host: string;
  readonly port: number;
}

export class LinkProxy implements AsyncDisposable {
  readonly #target: Address;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #swallows = false;
  #refuses = false;
  #delayMs = 0;
  #cutAfter = Number.POSITIVE_INFINITY;

  private constructor(target: Address) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.#relay(near));
  }

  static async start(listen: Address, target: Address): Promise<LinkProxy> {
    const proxy = new LinkProxy(target);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(listen.port, listen.host, resolve);
    });
    return proxy;
  }

  /** Ends all connections. New ones are made as before. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  reset(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  /** Ends one side of each connection; the other side hears nothing more. */
  halfOpen(): void {
    for (const [near, far] of this.#pairs) {
      near.removeAllListeners('close');
      near.destroy();
      far.pause();
    }
  }

  /** Drops all bytes, and keeps the connections open. */
  swallow(): void {
    this.#swallows = true;
  }

  /** Ends all connections, and accepts none. */
  down(): void {
    this.#refuses = true;
    this.cut();
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Ends each connection after this many more bytes to the far side. */
  cutAfter(bytes: number): void {
    this.#cutAfter = bytes;
  }

  /** Relays as at first. Connections that saw a fault are ended. */
  heal(): void {
    this.cut();
    this.#swallows = false;
    this.#refuses = false;
    this.#delayMs = 0;
    this.#cutAfter = Number.POSITIVE_INFINITY;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #relay(near: Socket): void {
    if (this.#refuses) {
      near.destroy();
      return;
    }
    const far = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => from.destroy());
      from.on('close', () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
      from.on('end', () => to.end());
      from.on('data', (bytes: Buffer) => {
        if (this.#swallows) return;
        if (from === near) this.#cutAfter -= bytes.length;
        const pass = (): void => {
          if (to.writable) to.write(bytes);
        };
        if (this.#delayMs > 0) setTimeout(pass, this.#delayMs);
        else pass();
        if (this.#cutAfter > 0) return;
        this.#cutAfter = Number.POSITIVE_INFINITY;
        this.cut();
      });
    }
  }
}
