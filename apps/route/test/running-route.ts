/** A route that listens, on its own store, and the calls that it made to the one im-server that it knows. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TimingWheel, TurnFlusher } from '@cim/channel';
import { createMessaging, type Doorbell, type Messaging, observe } from '@cim/delivery';
import { createPlacement, type Membership, openEmbeddedMembership } from '@cim/discovery';
import { cim, type Epoch, type InstanceId, type StreamRef, type Seq, type UserId } from '@cim/protocol';
import { RpcClient } from '@cim/rpc';
import { ample, createMetrics, defaultLimits, silentLogger, type Supplies } from '@cim/runtime';
import { openEmbeddedStore, type Store } from '@cim/store';
import { quietDoorbell } from '@cim/testkit';
import { type Route, startRoute } from '../src/compose.ts';
import type { RouteConfig } from '../src/config.ts';
import type { Passwords } from '../src/passwords.ts';

export const INSTANCE = 'a-test-instance0' as InstanceId;
export const SECRET = 'a test secret';
export const ADMIN_TOKEN = 'a-token-of-thirty-two-characters!';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly code: string;
  readonly message: string;
  readonly reqNo: string | null;
  readonly dataBody: unknown;
}

export interface RouteOptions {
  readonly config?: Partial<RouteConfig>;
  /** Opens the store, for example on Redis. Absent: the embedded one in a temporary folder. */
  readonly openStore?: () => Promise<Store>;
  /** Replaces the store that the route gets. */
  readonly storeFor?: (store: Store) => Store;
  /** Whether the im-server is listed from the start. */
  readonly listed?: boolean;
  readonly closeWithinMs?: number;
  readonly passwords?: Passwords;
  readonly supplies?: Supplies;
  readonly maxConnections?: number;
  /** Whether the im-server has a session of that user. Absent: yes. */
  readonly holds?: (user: UserId) => boolean;
  /** The answer of the im-server about its sessions. Absent: none. */
  readonly places?: Doorbell['places'];
  /** The answer of the im-server to a push. Absent: `taken`. */
  readonly delivers?: () => 'taken' | 'gone';
}

export class RunningRoute {
  readonly route: Route;
  readonly store: Store;
  readonly membership: Membership;
  readonly messaging: Messaging;
  /** The calls at the im-server's doorbell, in order, such as `deliver 1001`. */
  readonly rung: readonly string[];
  readonly stop: () => Promise<void>;

  private constructor(
    route: Route,
    store: Store,
    membership: Membership,
    messaging: Messaging,
    rung: readonly string[],
    stop: () => Promise<void>,
  ) {
    this.route = route;
    this.store = store;
    this.membership = membership;
    this.messaging = messaging;
    this.rung = rung;
    this.stop = stop;
  }

  static async start(options: RouteOptions = {}): Promise<RunningRoute> {
    const { storeFor = (store) => store, listed = true, closeWithinMs } = options;
    const logger = silentLogger();
    const dir = await mkdtemp(join(tmpdir(), 'cim-route-'));
    const store = await (options.openStore?.() ?? openEmbeddedStore({ dir, logger }));
    await store.sessions.openLease(INSTANCE);
    const membership = openEmbeddedMembership();
    await membership.start();
    const wheel = new TimingWheel();
    wheel.start();
    const rpc = new RpcClient({ secret: SECRET, flusher: new TurnFlusher(), wheel, logger });
    const rung: string[] = [];
    const doorbell = quietDoorbell(INSTANCE, {
      deliver: (user) => {
        rung.push(`deliver ${user}`);
        return options.delivers?.() ?? 'taken';
      },
      broadcast: (group) => void rung.push(`broadcast ${group}`),
      kick: (user, upTo, reason) => void rung.push(`kick ${user} ${upTo} ${reason}`),
      suspended: (subject, leftMs) => void rung.push(`suspended ${subject} ${Math.ceil(leftMs)}`),
      holds: (user) => options.holds?.(user) ?? true,
      places: (users, group) => options.places?.(users, group) ?? [],
      signal: (users, signal) => {
        if (signal.kind === 'unsent') rung.push(`unsent ${users.join()} ${signal.code} ${signal.text}`);
      },
      fetchOffline: (user) => void rung.push(`fetchOffline ${user}`),
    });
    const given = storeFor(store);
    const metrics = createMetrics({ program: 'test' });
    const observer = observe(metrics, 'test');
    const messaging = createMessaging({
      store: given,
      membership,
      rpc,
      logger,
      observer,
      limits: options.config?.limits ?? defaultLimits,
    });
    messaging.serve(doorbell);
    const config: RouteConfig = {
      host: '127.0.0.1',
      routePort: 0,
      internalHost: '127.0.0.1',
      routeInternalPort: 0,
      publicPages: [],
      adminToken: '',
      trustedProxies: () => false,
      advertiseUrl: '',
      clusterSecret: SECRET,
      allowedHosts: [],
      allowedOrigins: [],
      sessionPolicy: 'reject',
      maxDevices: 10,
      sessionDays: 30,
      loginRate: 10_000,
      auth: 'open',
      ...options.config,
    };
    const placement = createPlacement('round-robin');
    const parts = {
      config,
      store: given,
      membership,
      placement,
      messaging,
      logger,
      metrics,
      observer,
      supplies: options.supplies ?? ample,
      maxConnections: options.maxConnections ?? 1_000,
      ...(options.passwords === undefined ? {} : { passwords: options.passwords }),
    };
    const stopParts = async (): Promise<void> => {
      await rpc.stop();
      wheel.stop();
      await membership.stop();
      await store.stop();
      await rm(dir, { recursive: true, force: true });
    };
    const route = await startRoute(parts, closeWithinMs).catch(async (error: unknown) => {
      await stopParts();
      throw error;
    });
    const stop = async (): Promise<void> => {
      await route.stop();
      await stopParts();
    };
    const running = new RunningRoute(route, store, membership, messaging, rung, stop);
    if (listed) await running.list();
    return running;
  }

  list(): Promise<void> {
    return this.membership.announce({
      host: '127.0.0.1',
      tcpPort: 11211,
      httpPort: 8081,
      instance: INSTANCE,
    });
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#ask(path, {
      method: 'POST',
      body: isBytesOrText(body) ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#ask(path, { headers });
  }

  /** Registers an account. Answers its id. */
  async register(userName: string, password?: string): Promise<UserId> {
    const { dataBody, message } = await this.post('/registerAccount', { userName, password });
    assert.ok(dataBody !== null, message);
    return (dataBody as { userId: UserId }).userId;
  }

  /** Registers and logs in as a CIM client does: over HTTP, then TCP. */
  async join(userName: string): Promise<{ userId: UserId; epoch: Epoch }> {
    const userId = await this.register(userName);
    const { code, message } = await this.post('/login', { userId, userName });
    assert.equal(code, '9000', message);
    const claimed = await this.store.sessions.claim({ userId, userName, instance: INSTANCE, claim: 'c' });
    assert.ok(claimed.outcome === 'claimed');
    return { userId, epoch: claimed.epoch };
  }

  /** The texts of each entry of a stream. */
  async entries(stream: StreamRef): Promise<string[][]> {
    const entries = await this.store.streams.read(stream, 1 as Seq, 100);
    return entries.map(({ content }) => cim.Content.decode(content).texts);
  }

  /** Calls the admin API. The route must have been started with `ADMIN_TOKEN`. */
  async admin(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
    const answer = await fetch(`${this.route.internal.url}/admin${path}`, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
  }

  async #ask(path: string, init: RequestInit): Promise<Answer> {
    const answer = await fetch(this.route.url + path, init);
    const text = await answer.text();
    const body = JSON.parse(text) as Answer;
    assert.deepEqual(Object.keys(body), ['code', 'message', 'reqNo', 'dataBody'], text);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
    assert.doesNotMatch(body.message, /\n/);
    return { ...body, status: answer.status, headers: answer.headers };
  }
}

const isBytesOrText = (body: unknown): body is string | Uint8Array<ArrayBuffer> =>
  typeof body === 'string' || body instanceof Uint8Array;
