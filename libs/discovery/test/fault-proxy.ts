import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP relay to one port of 127.0.0.1 that can hold everything back, break connections and split what passes. */
export class FaultProxy {
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #frozen = false;
  #bytewise = false;
  /** How many more bytes go to the client before its connection is cut. */
  #cutAfter = Number.POSITIVE_INFINITY;
  /** Connections that were made so far. */
  connections = 0;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((client) => this.#relay(client));
  }

  static async start(targetPort: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on connections stay open and carry nothing. */
  freeze(): void {
    this.#frozen = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  thaw(): void {
    this.#frozen = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  /** Each byte to the client in a packet of its own. */
  splitBytes(): void {
    this.#bytewise = true;
  }

  /** Cuts the connection in which so many more bytes have gone to the client; once. */
  cutAfter(bytes: number): void {
    this.#cutAfter = bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #relay(client: Socket): void {
    this.connections++;
    const target = connect(this.#targetPort, '127.0.0.1');
    const pair = [client, target] as const;
    this.#pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
      if (this.#frozen) socket.pause();
    }
    client.on('data', (bytes) => target.write(bytes));
    target.on('data', (bytes: Buffer) => {
      const passed = bytes.subarray(0, this.#cutAfter);
      this.#cutAfter -= passed.length;
      if (this.#bytewise) for (let i = 0; i < passed.length; i++) client.write(passed.subarray(i, i + 1));
      else client.write(passed);
      if (this.#cutAfter > 0) return;
      this.#cutAfter = Number.POSITIVE_INFINITY;
      client.end(() => target.destroy());
    });
  }
}
