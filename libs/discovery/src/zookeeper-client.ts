import type { Socket } from 'node:net';
import type { Backoff } from '@cim/runtime';
import { type Client, createClient } from 'node-zookeeper-client';
import type { ZooKeeperServer } from './zookeeper-servers.ts';

/** Inner fields of node-zookeeper-client 1.1.3 that this file uses and the types leave out. The version is pinned because of them. */
interface ConnectionInternals {
  servers: readonly ZooKeeperServer[];
  readonly socket?: Socket;
  readonly sessionTimeout: number;
  readonly sessionId: Buffer;
  readonly connectTimeoutHandler: NodeJS.Timeout | null;
  readonly packetQueue: { queue: unknown[] };
  pendingBuffer: Buffer | null;
  findNextServer: (use: (server: ZooKeeperServer) => void) => void;
  onSocketData: (chunk: Buffer) => void;
}

export interface MendedClientEvents {
  connected(): void;
  disconnected(): void;
  expired(): void;
  /** Called when ZooKeeper refuses the credential. The client does nothing more afterwards. */
  authFailed(): void;
  /** Called when a server cannot be reached or does not speak the protocol. */
  attemptFailed(server: ZooKeeperServer, reason: string): void;
}

/** Longest answer that is read [bytes]. The longest one is the list of children; ZooKeeper's own limit is 1 MiB. */
const FRAME_LIMIT_BYTES = 4 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

/**
 * node-zookeeper-client for one ZooKeeper session, with the parts replaced that fail in operation:
 * - the choice of the next server: all in turn, then with backoff; none once disposed, so that no zombie reconnects;
 * - the cutting of frames: what a dead socket left behind is not put before the bytes of the next one, and an
 *   answer that the library cannot read costs the connection, not the process;
 * - what was queued when the connection went is dropped: its caller has been told that it is lost, and a create
 *   that comes after its withdraw is worse than none.
 */
export class MendedClient {
  readonly client: Client;
  readonly #internals: ConnectionInternals;
  readonly #backoff: Backoff;
  readonly #events: MendedClientEvents;
  #server: ZooKeeperServer | undefined;
  #nextServer = 0;
  /** Attempts to connect since the last connection. */
  #attempts = 0;
  #attemptSince: number | undefined;
  #waiting: NodeJS.Timeout | undefined;
  #disposed = false;

  /**
   * @param servers in the order to try
   * @param credential `user:password`; the library sends it before all else on each connection
   */
  constructor(
    servers: readonly ZooKeeperServer[],
    sessionTimeoutMs: number,
    backoff: Backoff,
    events: MendedClientEvents,
    credential?: Buffer,
  ) {
    this.#backoff = backoff;
    this.#events = events;
    this.client = createClient(servers.map(({ host, port }) => `${host}:${port}`).join(), {
      sessionTimeout: sessionTimeoutMs,
    });
    this.#internals = (
      this.client as unknown as { connectionManager: ConnectionInternals }
    ).connectionManager;
    // The library would split an IPv6 address at its first colon, so the address is given as an object.
    this.#internals.servers = servers;
    this.#internals.findNextServer = (use) => this.#chooseServer(use);
    this.#internals.onSocketData = this.#frameReader();
    this.client.on('connected', () => {
      this.#attempts = 0;
      this.#attemptSince = undefined;
      events.connected();
    });
    this.client.on('disconnected', () => events.disconnected());
    this.client.on('expired', () => events.expired());
    this.client.on('authenticationFailed', () => events.authFailed());
    if (credential !== undefined) this.client.addAuthInfo('digest', credential);
  }

  /** Session timeout that ZooKeeper granted [ms]. Before the first connection it is the timeout that was asked for. */
  get sessionTimeoutMs(): number {
    return this.#internals.sessionTimeout;
  }

  /** Session id in hexadecimal, to compare with the `ephemeralOwner` of a node. */
  get sessionId(): string {
    return this.#internals.sessionId.toString('hex');
  }

  /** Age of the present attempt to connect [ms]; 0 between two attempts. */
  get connectingForMs(): number {
    return this.#attemptSince === undefined ? 0 : performance.now() - this.#attemptSince;
  }

  get server(): string {
    return this.#server === undefined ? 'none' : `${this.#server.host}:${this.#server.port}`;
  }

  connect(): void {
    this.client.connect();
  }

  /** Ends the connection but not the session. The library goes on with the next server. */
  cut(): void {
    // If this timer ran on, it would destroy the socket of the next attempt.
    clearTimeout(this.#internals.connectTimeoutHandler ?? undefined);
    this.#internals.socket?.destroy();
  }

  /** Stops this client for good. Its session ends by its timeout, unless `client.close()` ended it. */
  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#waiting);
    this.client.removeAllListeners();
    this.cut();
  }

  /** Chooses the next server. The library calls it at the start and after the end of each connection, and reports no failed attempt. */
  #chooseServer(use: (server: ZooKeeperServer) => void): void {
    if (this.#disposed) return;
    this.#internals.packetQueue.queue.length = 0;
    if (this.#attemptSince !== undefined) this.#attemptFailed('no connection');
    const { servers } = this.#internals;
    const delayMs = this.#attempts++ < servers.length ? 0 : this.#backoff.next();
    this.#waiting = setTimeout(() => {
      const server = servers[this.#nextServer++ % servers.length];
      if (this.#disposed || server === undefined) return;
      this.#server = server;
      this.#attemptSince = performance.now();
      use(server);
    }, delayMs);
  }

  #attemptFailed(reason: string): void {
    this.#attemptSince = undefined;
    if (this.#server !== undefined) this.#events.attemptFailed(this.#server, reason);
  }

  /** Hands the library one whole frame at a time. Given a chunk of many frames, it would recurse once for each. */
  #frameReader(): (chunk: Buffer) => void {
    const internals = this.#internals;
    const readFrame = internals.onSocketData.bind(internals);
    let source: Socket | undefined;
    let rest: Buffer = NOTHING;
    return (chunk) => {
      if (this.#disposed) return;
      const socket = internals.socket;
      let bytes = source === socket && rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
      source = socket;
      try {
        while (bytes.length >= 4) {
          const size = bytes.readInt32BE(0);
          if (size < 1 || size > FRAME_LIMIT_BYTES) throw new Error('not a ZooKeeper server');
          if (bytes.length < size + 4) break;
          internals.pendingBuffer = null;
          readFrame(bytes.subarray(0, size + 4));
          bytes = bytes.subarray(size + 4);
        }
        rest = bytes;
      } catch (error) {
        rest = NOTHING;
        this.#attemptFailed(error instanceof Error ? error.message : String(error));
        this.cut();
      }
    };
  }
}
