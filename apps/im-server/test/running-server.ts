import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { TimingWheel, TurnFlusher } from '@cim/channel';
import { createMessaging, type Suspensions } from '@cim/delivery';
import { openEmbeddedMembership } from '@cim/discovery';
import {
  CIM_DEVICE,
  CLOSE_REASONS,
  type CloseReason,
  cim,
  type DeviceId,
  type Epoch,
  encodeFrame,
  FrameDecoder,
  type InstanceId,
  type NamedUser,
  parseUserName,
} from '@cim/protocol';
import { RpcClient } from '@cim/rpc';
import {
  ample,
  clusterKey,
  createMetrics,
  defaultLimits,
  type Observer,
  silentLogger,
  silentObserver,
} from '@cim/runtime';
import { makeTicket, type Store } from '@cim/store';
import { until } from '@cim/testkit';
import { type ImServer, startImServer } from '../src/compose.ts';
import type { ImServerConfig } from '../src/config.ts';
import { Stored } from './stored.ts';

export const RUNNING_SECRET = 'test-secret';

/** A client that sends the frames it is given, and records those it receives. */
export class RawClient {
  readonly socket: Socket;
  readonly frames: cim.Frame[] = [];
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    const decoder = new FrameDecoder(1 << 20);
    socket.on('data', (chunk) => {
      decoder.push(chunk, (body) => {
        this.frames.push(cim.Frame.decode(body));
        return true;
      });
    });
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('error', () => socket.destroy());
  }

  static async open({ host, port }: { host: string; port: number }): Promise<RawClient> {
    const socket = connect(port, host);
    await new Promise((resolve) => socket.once('connect', resolve));
    return new RawClient(socket);
  }

  say(frame: cim.Frame.$Properties): void {
    this.socket.write(encodeFrame(cim.Frame, frame));
  }

  async hear<K extends keyof cim.Frame>(body: K): Promise<NonNullable<cim.Frame[K]>> {
    const found = () => this.frames.map((frame) => frame[body]).find((it) => it !== null);
    await until(`a ${body} comes`, () => found() !== undefined, 8_000);
    const it = found();
    assert.ok(it);
    return it;
  }

  async ends(reason?: CloseReason, withinMs = 3_000): Promise<void> {
    await until('the connection ends', () => this.closed, withinMs);
    if (reason !== undefined) assert.equal((await this.hear('goaway')).reason, CLOSE_REASONS[reason].number);
  }
}

/** A whole im-server on a real embedded store, with its public and internal ports. */
export class RunningServer {
  readonly stored: Stored;
  readonly server: ImServer;
  readonly instance: InstanceId;
  /** The door and the outcome of each counted send. */
  readonly counted: readonly string[];
  readonly suspensions: Suspensions;
  readonly #stop: () => Promise<void>;

  private constructor(
    stored: Stored,
    server: ImServer,
    instance: InstanceId,
    counted: readonly string[],
    suspensions: Suspensions,
    stop: () => Promise<void>,
  ) {
    this.stored = stored;
    this.server = server;
    this.instance = instance;
    this.counted = counted;
    this.suspensions = suspensions;
    this.#stop = stop;
  }

  /**
   * Starts the server.
   * @param now clock of the store [ms since 1970]
   * @param config further settings
   * @param supplies what the process has left
   */
  static async start(
    now?: () => number,
    config: Partial<ImServerConfig> = {},
    supplies = ample,
  ): Promise<RunningServer> {
    const stored = await Stored.open(now);
    const logger = silentLogger();
    const wheel = new TimingWheel();
    const membership = openEmbeddedMembership();
    const flusher = new TurnFlusher();
    const counted: string[] = [];
    const observer: Observer = {
      ...silentObserver,
      sendAnswered: (door, outcome) => counted.push(`${door} ${outcome}`),
    };
    const rpc = new RpcClient({ secret: RUNNING_SECRET, flusher, wheel, logger });
    wheel.start();
    await membership.start();
    const messaging = createMessaging({
      ...{ store: stored.store, membership, rpc, logger, observer },
      limits: config.limits ?? defaultLimits,
    });
    const server = await startImServer({
      config: {
        ...{ host: '127.0.0.1', advertiseHost: '', tcpPort: 0, internalHost: '127.0.0.1', httpPort: 0 },
        ...{ clusterSecret: RUNNING_SECRET, idleTimeoutMs: 30_000, sessionDays: 30, drainRate: 100 },
        ...{ allowedOrigins: [], allowedHosts: [] },
        trustedProxies: () => false,
        ...config,
      },
      store: stored.store,
      membership,
      messaging,
      flusher,
      wheel,
      logger,
      metrics: createMetrics({ program: 'test' }),
      observer,
      maxConnections: 1_000,
      supplies,
      stopping: new AbortController().signal,
      exit: () => undefined,
    });
    const [self] = membership.members();
    assert.ok(self?.instance !== undefined);
    return new RunningServer(stored, server, self.instance, counted, messaging.suspensions, async () => {
      await server.stop();
      await rpc.stop();
      wheel.stop();
      await membership.stop();
      await stored[Symbol.asyncDispose]();
    });
  }

  get store(): Store {
    return this.stored.store;
  }

  connect(): Promise<RawClient> {
    return RawClient.open(this.server.tcp);
  }

  async account(name: string, passwordHash?: string): Promise<NamedUser> {
    const parsed = parseUserName(name);
    assert.ok(parsed.ok);
    return (await this.store.accounts.register(parsed.name, passwordHash)).account;
  }

  async issue(
    user: NamedUser,
    secretHash = '',
    passwordHash?: string,
    device?: DeviceId,
    instance = this.instance,
  ): Promise<{ ticket: string; epoch: Epoch }> {
    const answer = await this.store.sessions.issue({
      user: { userId: user.userId, userName: user.userName },
      instance,
      device: device ?? CIM_DEVICE,
      label: '',
      policy: device === undefined ? 'kick' : 'devices',
      passwordHash,
      secretHash,
    });
    assert.ok(answer.outcome === 'issued');
    const { epoch } = answer;
    const ticket = makeTicket(clusterKey(RUNNING_SECRET, 'ticket'), { userId: user.userId, epoch, instance });
    return { ticket, epoch };
  }

  async logIn(name: string): Promise<{ raw: RawClient; user: NamedUser; ticket: string }> {
    const user = await this.account(name);
    const { ticket } = await this.issue(user);
    const raw = await this.connect();
    raw.say({ login: { userId: user.userId, ticket } });
    await raw.hear('welcome');
    return { raw, user, ticket };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stop();
  }
}
