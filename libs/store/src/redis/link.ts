/** The connection to Redis (one per node of a Cluster), which reconnects by itself. */
import { CimError } from '@cim/protocol';
import type { Observer } from '@cim/runtime';
import type { RedisTarget } from './access.ts';
import { type Fault, faultOf } from './fault.ts';
import { Cluster, Redis } from './ioredis.ts';
import { describeUrl, type RedisUrl, shown } from './url.ts';

export type Connection = Redis | Cluster;

/**
 * A request without an answer fails after this time [ms]. Redis may still carry it out: every write is safe
 * to repeat.
 */
const ANSWER_MS = 1_500;
/** A connection that owes an answer and is silent for this long is cut [ms]: the server hangs. */
const SILENCE_MS = 3_000;
const STOP_MS = 2_000;
/** Longest time for a Sentinel to name the master [ms]. */
const SENTINEL_MS = 1_000;
/** Shortest time between two reconnects because another server holds the data [ms]. */
const LEAVE_MS = 250;
/**
 * A connection left this long after the one before was a good one [ms]: its requests are sent again on the
 * next connection.
 */
const GOOD_MS = 10_000;
/**
 * A connection that is open for this long and not ready [ms] leads to a server that still reads its data.
 * Another server may serve by now.
 */
const NOT_READY_MS = 2_000;
/** Shortest times between two reads of a Cluster's map: on request, and without one [ms]. */
const LOOK_MS = 200;
const LOOK_EVERY_MS = 5_000;

export class RedisLink {
  readonly url: RedisTarget;
  readonly #redis: Connection;
  /** The last fault of the connection; undefined while it is up. */
  #trouble: Fault | undefined;
  /** Since when the connection is down [ms, monotonic]; undefined while it is up. */
  #downSince: number | undefined = performance.now();
  /**
   * The connection that was left last, when [ms, monotonic], and whether its requests are sent again on the
   * next one.
   */
  #left: { readonly stream: Redis['stream']; readonly atMs: number; readonly resends: boolean } | undefined;
  #openSince: number | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #stopping: Promise<void> | undefined;
  readonly #onTopology: (() => void)[] = [];
  readonly #onTrouble: ((fault: Fault) => void)[] = [];
  /** The stream whose writes of this turn are being gathered. */
  #gathering: Redis['stream'] | undefined;
  /** Timers for answers that start when the gathered writes go out. */
  #held: (() => void)[] = [];
  readonly #flush = (): void => this.flush();

  readonly #observer: Pick<Observer, 'storeFailed'> | undefined;

  /** Connects in the background, and reconnects until stopped. */
  constructor(url: RedisTarget, observer?: Pick<Observer, 'storeFailed'>) {
    this.url = url;
    this.#observer = observer;
    this.#redis = connect(url, (error) => this.#onReply(error));
    const onError = (error: Error): void => this.#onError(error);
    this.#redis.on('error', onError);
    this.#redis.on('node error', onError);
    this.#redis.on('connect', () => {
      this.#openSince = performance.now();
    });
    this.#redis.on('close', () => {
      this.#openSince = undefined;
      this.#downSince ??= performance.now();
    });
    this.#redis.on('ready', () => {
      this.#trouble = undefined;
      this.#downSince = undefined;
      this.#openSince = undefined;
      this.#changed();
    });
    // For a Cluster: a node was found, or the map was read again (every few seconds, and after a MOVED).
    for (const event of ['+node', 'refresh']) this.#redis.on(event, () => this.#changed());
  }

  /**
   * Calls `listener` whenever other servers may hold the data: after a reconnect, or a new map of a Cluster.
   */
  onTopology(listener: () => void): void {
    this.#onTopology.push(listener);
  }

  /** Calls `listener` at each failure of the connection, and of each attempt to connect. */
  onTrouble(listener: (fault: Fault) => void): void {
    this.#onTrouble.push(listener);
  }

  /**
   * Counts a failed request that was not made by `ask`. A request with an unknown script is sent again and
   * not counted.
   */
  count({ kind }: Fault): void {
    if (kind !== 'script') this.#observer?.storeFailed(kind);
  }

  /**
   * Notes an error that Redis has reported inside an answer, where the driver does not see it. If the error
   * says that another server holds the data, the link reconnects, or reads the map of a Cluster.
   */
  notice(fault: Fault): void {
    if (fault.kind !== 'elsewhere') return;
    if (this.#redis instanceof Cluster) this.lookAgain();
    else this.#leave(this.#redis, fault);
  }

  /**
   * Leaves a server that is still reading its data, since another may serve by now. Called every few seconds.
   */
  leaveWhereNotReady(): void {
    if (this.#redis instanceof Cluster || this.#redis.status !== 'connect') return;
    if (this.#openSince !== undefined && performance.now() - this.#openSince > NOT_READY_MS)
      this.#leave(this.#redis, undefined);
  }

  /**
   * Sends Redis one request or several. All requests of one turn of the event loop go out in one write.
   * @throws {CimError} 4000: no answer within 1.5 s, or a refusal. It throws at once when Redis has been away
   * for that long, since queued requests would be answered when nobody waits any more.
   */
  ask<T>(work: (redis: Connection) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.assertUp();
      let timer: NodeJS.Timeout | undefined;
      let open = true;
      const end = (): void => {
        open = false;
        clearTimeout(timer);
      };
      const fail = (cause: unknown): void => {
        end();
        reject(this.#failure(faultOf(cause), cause));
      };
      // After a long turn of the event loop the timer comes before an answer that has already arrived.
      const late = (): unknown => setImmediate(fail, new Error(`no answer within ${ANSWER_MS} ms`));
      const begin = (): void => {
        if (open) timer = setTimeout(late, ANSWER_MS);
      };
      if (this.#gathers()) this.#held.push(begin);
      else begin();
      try {
        work(this.#redis).then((answer) => {
          end();
          resolve(answer);
        }, fail);
      } catch (cause) {
        fail(cause);
      }
    });
  }

  /** Sends the requests of this turn now. For callers that have gathered requests themselves. */
  flush(): void {
    if (this.#gathering === undefined) return;
    this.#gathering.uncork();
    this.#gathering = undefined;
    const held = this.#held;
    this.#held = [];
    for (const begin of held) begin();
  }

  /** Checks the connection. @throws {CimError} 4000: it is closed, or has been down for 1.5 s */
  assertUp(): void {
    if (this.#stopping !== undefined) throw this.#failure(faultOf('it is closed'));
    if (this.#downSince !== undefined && performance.now() - this.#downSince > ANSWER_MS)
      throw this.#failure(this.trouble);
  }

  /** The fault of the connection while it is down. */
  get trouble(): Fault {
    if (this.#trouble !== undefined) return this.#trouble;
    if (this.#redis.status === 'connect')
      return faultOf('it is connected and not ready: Redis reads its data (LOADING) or hangs');
    return faultOf('the connection is lost');
  }

  get isUp(): boolean {
    return this.#downSince === undefined;
  }

  /** The name of the server that holds a slot, for `dial`; undefined while no server does. */
  masterOf(slot: number): string | undefined {
    return this.#redis instanceof Cluster ? this.#redis.slots[slot]?.[0] : nameOf(this.url);
  }

  /** Makes a separate connection to that server. It is not open yet, does not reconnect and queues nothing. */
  dial(master: string): Redis {
    const node =
      this.#redis instanceof Cluster
        ? this.#redis.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === master)
        : this.#redis;
    if (node === undefined) throw this.#failure(faultOf(`${master} is no master`));
    return node.duplicate({
      lazyConnect: true,
      retryStrategy: () => null,
      sentinelRetryStrategy: () => null,
      reconnectOnError: () => false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
    });
  }

  /** Reads the map of a Cluster again: other servers may hold the slots. */
  lookAgain(): void {
    if (!(this.#redis instanceof Cluster) || performance.now() - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = performance.now();
    this.#redis.refreshSlotsCache();
  }

  /** Connections to the servers that hold the data. */
  masters(): Redis[] {
    return this.#redis instanceof Cluster ? this.#redis.nodes('master') : [this.#redis];
  }

  /** Closes the connection, after open requests were answered if that does not take long. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (this.#redis.status !== 'ready') return this.#redis.disconnect();
    let timer: NodeJS.Timeout | undefined;
    const ended = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STOP_MS);
      this.#redis.once('close', resolve);
    });
    try {
      await Promise.race([this.#redis.quit(), ended]);
    } catch {
      // It was not connected.
    } finally {
      clearTimeout(timer);
      this.#redis.disconnect();
    }
  }

  /**
   * Whether the writes of this turn are gathered until it ends: one write costs as much as several requests.
   */
  #gathers(): boolean {
    if (this.#gathering !== undefined) return true;
    // The writes of a Cluster's connections cannot be gathered here.
    if (!(this.#redis instanceof Redis) || this.#redis.status !== 'ready') return false;
    this.#gathering = this.#redis.stream;
    this.#gathering.cork();
    setImmediate(this.#flush);
    return true;
  }

  #changed(): void {
    for (const listener of this.#onTopology) listener();
  }

  #onError(error: Error): void {
    const fault = faultOf(error);
    this.#trouble = fault;
    for (const listener of this.#onTrouble) listener(fault);
  }

  /**
   * How the driver reacts to an error reply: not at all (false), or it reconnects and sends the request again
   * (2) or not (1).
   */
  #onReply(error: Error): false | 1 | 2 {
    const fault = faultOf(error);
    if (fault.kind !== 'elsewhere') return false;
    if (this.#redis instanceof Cluster) {
      // The driver follows MOVED by itself.
      if (fault.code !== 'MOVED') this.lookAgain();
      return false;
    }
    if (!this.#leave(this.#redis, fault)) return false;
    // If the next server is a replica too, the requests must not go round for ever.
    return this.#left?.resends === true ? 2 : 1;
  }

  #failure(fault: Fault, cause?: unknown): CimError {
    this.count(fault);
    const verb = fault.kind === 'away' ? 'does not answer' : 'refuses';
    return new CimError('failure', `the store ${verb}: ${fault.text}`, { cause });
  }

  /**
   * Reconnects. Answers whether this connection is being left. @param trouble the reason, until the link is
   * up again
   */
  #leave(redis: Redis, trouble: Fault | undefined): boolean {
    const { stream } = redis;
    if (this.#left?.stream === stream) return true;
    const now = performance.now();
    const sinceMs = this.#left === undefined ? Number.POSITIVE_INFINITY : now - this.#left.atMs;
    if (sinceMs < LEAVE_MS) return false;
    this.#left = { stream, atMs: now, resends: sinceMs > GOOD_MS };
    this.#trouble = trouble;
    redis.disconnect(true);
    return true;
  }
}

const nameOf = (url: RedisUrl): string =>
  url.kind === 'standalone' ? shown(url) : describeUrl(url).slice('Redis '.length);

const retryAfter = (attempt: number): number =>
  Math.min(50 * 2 ** Math.min(attempt, 5), 1_000) * (0.5 + Math.random() / 2);

function connect(url: RedisTarget, onReply: (error: Error) => false | 1 | 2): Connection {
  const options = {
    maxRetriesPerRequest: 1,
    socketTimeout: SILENCE_MS,
    connectTimeout: 2_000,
    retryStrategy: retryAfter,
    reconnectOnError: onReply,
    db: url.db,
    ...(url.username === undefined ? {} : { username: url.username }),
    ...(url.password === undefined ? {} : { password: url.password }),
    ...(url.tls ? { tls: { ...url.tlsOptions } } : {}),
  };
  if (url.kind === 'standalone') return new Redis({ ...options, host: url.host, port: url.port });
  if (url.kind === 'sentinel')
    return new Redis({
      ...options,
      sentinels: [...url.sentinels],
      name: url.master,
      ...(url.tls ? { enableTLSForSentinelMode: true, sentinelTLS: { ...url.tlsOptions } } : {}),
      ...(url.sentinelLogin.username === undefined ? {} : { sentinelUsername: url.sentinelLogin.username }),
      ...(url.sentinelLogin.password === undefined ? {} : { sentinelPassword: url.sentinelLogin.password }),
      sentinelRetryStrategy: retryAfter,
      // A Sentinel that hangs would stop the search for the master for ever.
      sentinelCommandTimeout: SENTINEL_MS,
    });
  return new Cluster([...url.nodes], {
    redisOptions: options,
    // A certificate is checked against the name that was given, and not against the address behind it.
    ...(url.tls
      ? { dnsLookup: (host: string, found: (error: null, host: string) => void) => found(null, host) }
      : {}),
    clusterRetryStrategy: retryAfter,
    maxRedirections: 8,
    retryDelayOnFailover: 200,
    slotsRefreshInterval: LOOK_EVERY_MS,
  });
}
