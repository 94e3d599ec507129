import { Backoff, type Logger } from '@cim/runtime';
import { type ACL, type Client, CreateMode, Exception, type Stat } from 'node-zookeeper-client';
import type { ZooKeeperAccess } from './zookeeper-access.ts';
import { MendedClient, type MendedClientEvents } from './zookeeper-client.ts';
import type { ZooKeeperServer } from './zookeeper-servers.ts';

/** Outcome of an operation. */
export type Outcome<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'no-node' }
  | { readonly kind: 'node-exists' }
  /** The ACL does not allow the operation. */
  | { readonly kind: 'denied' }
  /** No answer or no connection. The operation may have been carried out. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'failed'; readonly reason: string };

export interface ZooKeeperSessionOptions {
  readonly servers: readonly ZooKeeperServer[];
  readonly sessionTimeoutMs: number;
  readonly access: ZooKeeperAccess;
  readonly logger: Logger;
  /** Called after each connection. `renewed` is true when the earlier session has expired, with its ephemeral nodes and watches. */
  readonly onConnected: (renewed: boolean) => void;
}

type Callback<T> = (error: Error | Exception | null | undefined, value: T) => void;

const LOST = { kind: 'lost' } as const;
const PROBES_PER_TIMEOUT = 6;
/** Fraction of the session timeout after which a silent server is given up. More than a third is left to reach another server within the session. */
const PATIENCE = 0.45;
const CLOSE_WITHIN_MS = 1000;

/**
 * Keeps a ZooKeeper session while the process lives. It leaves a server that hangs and takes the session to another
 * one, begins a new session when one has expired, waits for the first server to come up, and answers every operation
 * within its deadline.
 */
export class ZooKeeperSession {
  readonly #options: ZooKeeperSessionOptions;
  readonly #servers: readonly ZooKeeperServer[];
  readonly #backoff: Backoff;
  #current: MendedClient | undefined;
  #connected = false;
  /** Time at which the connection was lost; undefined while connected, and before the first connection. */
  #lostAt: number | undefined;
  #sessionId = '';
  #saidUnreachable = false;
  #ticker: NodeJS.Timeout | undefined;
  #probeDeadline: NodeJS.Timeout | undefined;
  #renewal: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: ZooKeeperSessionOptions, random: () => number = Math.random) {
    this.#options = options;
    // Shuffled, so that the processes of a cluster spread over the servers.
    this.#servers = options.servers
      .map((server) => ({ server, rank: random() }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ server }) => server);
    // The longest wait is short compared with the session timeout, so a server that returns is found before the session ends.
    this.#backoff = new Backoff(50, Math.min(1000, options.sessionTimeoutMs / PROBES_PER_TIMEOUT), random);
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Session id in hexadecimal, as `ownerOf` returns it; '' before the first connection. */
  get id(): string {
    return this.#sessionId;
  }

  /** Session timeout that ZooKeeper granted [ms]. */
  get timeoutMs(): number {
    return this.#current?.sessionTimeoutMs ?? this.#options.sessionTimeoutMs;
  }

  start(): void {
    if (this.#current === undefined && !this.#stopped) this.#open();
  }

  /** Ends the session, which removes its ephemeral nodes at once. Idempotent. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#renewal);
    clearInterval(this.#ticker);
    clearTimeout(this.#probeDeadline);
    const current = this.#current;
    if (current !== undefined && this.#connected) {
      this.#connected = false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, CLOSE_WITHIN_MS);
        current.client.once('disconnected', () => {
          clearTimeout(timer);
          resolve();
        });
        current.client.close();
      });
    }
    current?.dispose();
  }

  children(path: string, watch: () => void): Promise<Outcome<string[]>> {
    return this.#ask((client, done) => client.getChildren(path, watch, done));
  }

  /** Reads a node; ok(undefined) when it does not exist. */
  stat(path: string): Promise<Outcome<Stat | undefined>> {
    return this.#ask((client, done) =>
      client.exists(path, (error, stat: Stat | null) => done(error, stat ?? undefined)),
    );
  }

  read(path: string): Promise<Outcome<{ data: Buffer | undefined; stat: Stat }>> {
    return this.#ask((client, done) =>
      client.getData(path, (error, data: Buffer | undefined, stat) => done(error, { data, stat })),
    );
  }

  createPersistent(path: string): Promise<Outcome<undefined>> {
    return this.#ask((client, done) => client.create(path, this.#acl, (error) => done(error, undefined)));
  }

  createEphemeral(path: string, data: Buffer): Promise<Outcome<undefined>> {
    return this.#ask((client, done) =>
      client.create(path, data, this.#acl, CreateMode.EPHEMERAL, (error) => done(error, undefined)),
    );
  }

  /** Deletes and creates the node in one transaction, so that no reader finds the path without a node. */
  replaceEphemeral(path: string, data: Buffer): Promise<Outcome<undefined>> {
    return this.#ask((client, done) =>
      client
        .transaction()
        .remove(path)
        .create(path, data, this.#acl, CreateMode.EPHEMERAL)
        .commit((error) => done(error, undefined)),
    );
  }

  remove(path: string): Promise<Outcome<undefined>> {
    return this.#ask((client, done) => client.remove(path, (error) => done(error, undefined)));
  }

  get #acl(): ACL[] {
    return [...this.#options.access.acl];
  }

  #open(): void {
    const { sessionTimeoutMs, logger, access } = this.#options;
    const events: MendedClientEvents = {
      connected: () => this.#onConnected(opened),
      disconnected: () => this.#onDisconnected(),
      expired: () => this.#onExpired(opened),
      authFailed: () => {
        logger.warn({ why: 'ZooKeeper does not take CIM_ZK_AUTH' }, 'zookeeper.auth-failed');
        this.#onExpired(opened);
      },
      attemptFailed: (server, reason) => {
        if (this.#saidUnreachable || this.#stopped) return;
        this.#saidUnreachable = true;
        logger.warn({ server: `${server.host}:${server.port}`, reason }, 'zookeeper.unreachable');
      },
    };
    const opened = new MendedClient(
      this.#servers,
      sessionTimeoutMs,
      this.#backoff,
      events,
      access.credential,
    );
    this.#current = opened;
    this.#tick();
    opened.connect();
  }

  #onConnected(opened: MendedClient): void {
    if (this.#stopped) return;
    const renewed = this.#sessionId !== '' && this.#sessionId !== opened.sessionId;
    this.#sessionId = opened.sessionId;
    this.#connected = true;
    this.#lostAt = undefined;
    this.#saidUnreachable = false;
    this.#backoff.reset();
    this.#tick();
    this.#options.logger.info(
      { server: opened.server, session: this.#sessionId, renewed },
      'zookeeper.connected',
    );
    this.#options.onConnected(renewed);
  }

  #onDisconnected(): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.#lostAt = performance.now();
    this.#forgetProbe();
    this.#options.logger.warn({ server: this.#current?.server }, 'zookeeper.disconnected');
  }

  /** Begins a new session in a later turn of the event loop, because the library is still handling its own event. */
  #onExpired(opened: MendedClient): void {
    this.#connected = false;
    this.#lostAt = undefined;
    this.#forgetProbe();
    clearTimeout(this.#renewal);
    if (this.#stopped) return;
    this.#options.logger.warn({ session: this.#sessionId }, 'zookeeper.expired');
    // The delay protects against a server that expires every session.
    this.#renewal = setTimeout(() => {
      opened.dispose();
      if (!this.#stopped) this.#open();
    }, this.#backoff.next());
  }

  /** Restarts the probing, since the granted timeout may have changed. */
  #tick(): void {
    clearInterval(this.#ticker);
    this.#forgetProbe();
    this.#ticker = setInterval(() => this.#probe(), this.timeoutMs / PROBES_PER_TIMEOUT);
  }

  #probe(): void {
    const current = this.#current;
    if (current === undefined || this.#probeDeadline !== undefined) return;
    const patienceMs = this.timeoutMs * PATIENCE;
    if (!this.#connected) {
      // A ZooKeeper that lost its data closes, without reporting expiry, the connections of clients that have seen a later
      // state than its own. Only a new client gets in. The session has ended by now, or its node will soon be replaced.
      if (this.#lostAt !== undefined && performance.now() - this.#lostAt > this.timeoutMs)
        this.#onExpired(current);
      // The kernel accepted this connection for a process that hangs.
      else if (current.connectingForMs > patienceMs) current.cut();
      return;
    }
    const deadline = setTimeout(() => {
      // If this process stood still, the answer is waiting in the socket. One turn of the event loop reads it.
      setImmediate(() => {
        if (this.#probeDeadline !== deadline) return;
        this.#options.logger.warn({ server: current.server, patienceMs }, 'zookeeper.hung');
        this.#forgetProbe();
        current.cut();
      });
    }, patienceMs);
    this.#probeDeadline = deadline;
    current.client.exists('/', () => {
      if (this.#probeDeadline === deadline) this.#forgetProbe();
    });
  }

  #forgetProbe(): void {
    clearTimeout(this.#probeDeadline);
    this.#probeDeadline = undefined;
  }

  #ask<T>(run: (client: Client, done: Callback<T>) => void): Promise<Outcome<T>> {
    const current = this.#current;
    // Without a connection the library would queue the operation, and carry it out when it may no longer be wanted.
    if (current === undefined || !this.#connected) return Promise.resolve(LOST);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(LOST), this.timeoutMs * PATIENCE);
      const done: Callback<T> = (error, value) => {
        clearTimeout(timer);
        resolve(error === null || error === undefined ? { kind: 'ok', value } : outcomeOf(error));
      };
      try {
        run(current.client, done);
      } catch (error) {
        clearTimeout(timer);
        resolve({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
      }
    });
  }
}

/** Session that an ephemeral node belongs to, in hexadecimal. */
export const ownerOf = (stat: Stat): string => stat.ephemeralOwner.toString('hex');

function outcomeOf(error: Error | Exception): Exclude<Outcome<never>, { kind: 'ok' }> {
  if (!(error instanceof Exception)) return { kind: 'failed', reason: error.message };
  switch (error.getCode()) {
    case Exception.NO_NODE:
      return { kind: 'no-node' };
    case Exception.NODE_EXISTS:
      return { kind: 'node-exists' };
    case Exception.NO_AUTH:
      return { kind: 'denied' };
    case Exception.CONNECTION_LOSS:
    case Exception.SESSION_EXPIRED:
    case Exception.OPERATION_TIMEOUT:
      return LOST;
    default:
      return { kind: 'failed', reason: error.toString() };
  }
}
