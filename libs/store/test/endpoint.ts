import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * An address that leads to one server and then to another, like DNS or a proxy. Open connections stay where
 * they are.
 */
export class Endpoint {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  #to: number;
  #accepted = 0;

  private constructor(server: Server, sockets: Set<Socket>, port: number, to: number) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = port;
    this.#to = to;
  }

  static async start(to: number): Promise<Endpoint> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const endpoint = new Endpoint(server, new Set(), port, to);
    server.on('connection', (client) => endpoint.#join(client));
    return endpoint;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Number of accepted connections. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Makes new connections lead to this port; 0 accepts them and answers nothing. */
  pointTo(port: number): void {
    this.#to = port;
  }

  #join(client: Socket): void {
    this.#accepted++;
    const sockets = [client, ...(this.#to === 0 ? [] : [connect(this.#to, '127.0.0.1')])];
    const end = (): void => {
      for (const socket of sockets) socket.destroy();
    };
    for (const socket of sockets) {
      this.#sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    const [, server] = sockets;
    if (server === undefined) client.resume();
    else client.pipe(server).pipe(client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
