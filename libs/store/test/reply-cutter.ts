import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A proxy before a server. In place of one reply it cuts the connection: the request is carried out, and its
 * caller does not learn it.
 */
export class ReplyCutter {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  #words: readonly string[] | undefined;
  #cuts = 0;

  private constructor(server: Server, sockets: Set<Socket>, port: number) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = port;
  }

  static async start(to: number): Promise<ReplyCutter> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const cutter = new ReplyCutter(server, new Set(), port);
    server.on('connection', (client) => cutter.#join(client, connect(to, '127.0.0.1')));
    return cutter;
  }

  /** Number of cuts. */
  get cuts(): number {
    return this.#cuts;
  }

  /** Cuts the connection in place of the reply to the next request that contains all these words. */
  cutReplyTo(...words: readonly string[]): void {
    this.#words = words;
  }

  #join(client: Socket, server: Socket): void {
    let cutting = false;
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    client.on('data', (chunk) => {
      if (this.#words?.every((word) => chunk.includes(word)) === true) {
        this.#words = undefined;
        cutting = true;
      }
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (!cutting) return void client.write(chunk);
      this.#cuts++;
      end();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
