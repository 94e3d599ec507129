/** The way to Redis: one connection (one per node of a Cluster) that comes back by itself. */
import { CimError } from '@cim/protocol';
import type { Observer } from '@cim/runtime';
import type { RedisTarget } from './access.ts';
import { type Fault, faultOf } from './fault.ts';
import { Cluster, Redis } from './ioredis.ts';
import { describeUrl, type RedisUrl, shown } from './url.ts';

export type Connection = Redis | Cluster;

/** A question without an answer after this fails, in ms. It may still be carried out: every write is safe to repeat. */
const ANSWER_MS = 1_500;
/** A connection on which an answer is owed and nothing has come for this long is cut, in ms: the server hangs. */
const SILENCE_MS = 3_000;
const STOP_MS = 2_000;
/** How long a Sentinel may take to name the master, in ms. */
const SENTINEL_MS = 1_000;
/** At least so long between two connections that are left because another server holds the data, in ms. */
const LEAVE_MS = 250;
/** A connection left so long after the one before was a good one [ms]: its requests are sent again on the next. */
const GOOD_MS = 10_000;
/** A connection that is open for so long and not ready [ms] leads to a server that reads its data: another may serve by now. */
const NOT_READY_MS = 2_000;
/** Between two looks at the map of a Cluster that somebody asks for, and between those that nobody does, in ms. */
const LOOK_MS = 200;
const LOOK_EVERY_MS = 5_000;

export class RedisLink {
  readonly url: RedisTarget;
  readonly #redis: Connection;
  /** What was last wrong with the connection; undefined since it is up. */
  #trouble: Fault | undefined;
  /** ms, monotonic; undefined while the connection is up. */
  #downSince: number | undefined = performance.now();
  /** The connection that was left last, when [ms, monotonic], and whether its requests are sent again on the next. */
  #left: { readonly stream: Redis['stream']; readonly atMs: number; readonly resends: boolean } | undefined;
  #openSince: number | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #stopping: Promise<void> | undefined;
  readonly #onTopology: (() => void)[] = [];
  readonly #onTrouble: ((fault: Fault) => void)[] = [];
  /** Holds back what is written to it in this turn. */
  #gathering: Redis['stream'] | undefined;
  /** What begins when that has gone out: the time that an answer may take. */
  #held: (() => void)[] = [];
  readonly #flush = (): void => this.flush();

  readonly #observer: Pick<Observer, 'storeFailed'> | undefined;

  /** Connects in the background, again and again until stopped. */
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
    // Of a Cluster: a node is met, and its map was read anew (every few seconds, and whenever a node says MOVED).
    for (const event of ['+node', 'refresh']) this.#redis.on(event, () => this.#changed());
  }

  /** Calls `listener` whenever other servers than before may hold the data: the connection is back, or the map of a Cluster new. */
  onTopology(listener: () => void): void {
    this.#onTopology.push(listener);
  }

  /** Calls `listener` at each failure of the connection, and of each attempt to make it. */
  onTrouble(listener: (fault: Fault) => void): void {
    this.#onTrouble.push(listener);
  }

  /** A request has failed, and was not asked by way of `ask`. An unknown script is sent again and is no failure. */
  count({ kind }: Fault): void {
    if (kind !== 'script') this.#observer?.storeFailed(kind);
  }

  /**
   * Takes note of an error that Redis has told inside an answer, where the driver does not see it. If the error says
   * that another server holds the data, the link connects anew, or reads the map of a Cluster.
   */
  notice(fault: Fault): void {
    if (fault.kind !== 'elsewhere') return;
    if (this.#redis instanceof Cluster) this.lookAgain();
    else this.#leave(this.#redis, fault);
  }

  /** Called every few seconds: leaves a server that is still reading its data, since another may serve by now. */
  leaveWhereNotReady(): void {
    if (this.#redis instanceof Cluster || this.#redis.status !== 'connect') return;
    if (this.#openSince !== undefined && performance.now() - this.#openSince > NOT_READY_MS)
      this.#leave(this.#redis, undefined);
  }

  /**
   * Asks Redis one thing, or several. What is asked in one turn goes out in one write when it ends.
   * @throws {CimError} 4000: no answer in 1.5 s, or a refusal. At once when Redis has been away for that long:
   * a queue of questions would be answered when nobody waits any more.
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
      // After a turn that took long the timer comes before the answer that has been there all the while.
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

  /** For those who have gathered already: what was asked in this turn goes out now. */
  flush(): void {
    if (this.#gathering === undefined) return;
    this.#gathering.uncork();
    this.#gathering = undefined;
    const held = this.#held;
    this.#held = [];
    for (const begin of held) begin();
  }

  /** @throws {CimError} 4000: it is closed, or has been away for 1.5 s */
  assertUp(): void {
    if (this.#stopping !== undefined) throw this.#failure(faultOf('it is closed'));
    if (this.#downSince !== undefined && performance.now() - this.#downSince > ANSWER_MS)
      throw this.#failure(this.trouble);
  }

  /** What is wrong with the connection, while it is down. */
  get trouble(): Fault {
    if (this.#trouble !== undefined) return this.#trouble;
    if (this.#redis.status === 'connect')
      return faultOf('it is connected and not ready: Redis reads its data (LOADING) or hangs');
    return faultOf('the connection is lost');
  }

  get isUp(): boolean {
    return this.#downSince === undefined;
  }

  /** The name of the server that holds a slot, for `dial`; undefined while none does. */
  masterOf(slot: number): string | undefined {
    return this.#redis instanceof Cluster ? this.#redis.slots[slot]?.[0] : nameOf(this.url);
  }

  /** A connection of its own to that server: not open yet, it does not come back by itself and queues nothing. */
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

  /** Of a Cluster: which server holds what has changed. */
  lookAgain(): void {
    if (!(this.#redis instanceof Cluster) || performance.now() - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = performance.now();
    this.#redis.refreshSlotsCache();
  }

  /** The servers that hold the data. */
  masters(): Redis[] {
    return this.#redis instanceof Cluster ? this.#redis.nodes('master') : [this.#redis];
  }

  /** What was asked before is answered first, if that does not take long. Idempotent. */
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

  /** Whether what is written in this turn is held back until it ends: a write costs as much as several questions. */
  #gathers(): boolean {
    if (this.#gathering !== undefined) return true;
    // A Cluster's connections are not ours to hold back.
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

  /** What the driver does about an error reply: nothing (false), or connect anew and send the request again (2) or not (1). */
  #onReply(error: Error): false | 1 | 2 {
    const fault = faultOf(error);
    if (fault.kind !== 'elsewhere') return false;
    if (this.#redis instanceof Cluster) {
      // The driver follows MOVED by itself.
      if (fault.code !== 'MOVED') this.lookAgain();
      return false;
    }
    if (!this.#leave(this.#redis, fault)) return false;
    // A next server that is a replica too must not make requests go round for ever.
    return this.#left?.resends === true ? 2 : 1;
  }

  #failure(fault: Fault, cause?: unknown): CimError {
    this.count(fault);
    const verb = fault.kind === 'away' ? 'does not answer' : 'refuses';
    return new CimError('failure', `the store ${verb}: ${fault.text}`, { cause });
  }

  /** Makes the connection anew. Answers whether this one is being left. @param trouble why, until it is back */
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
      // One that hangs would hold up the search for the master for ever.
      sentinelCommandTimeout: SENTINEL_MS,
    });
  return new Cluster([...url.nodes], {
    redisOptions: options,
    // A certificate is checked by the name that was given, not by the address behind it.
    ...(url.tls
      ? { dnsLookup: (host: string, found: (error: null, host: string) => void) => found(null, host) }
      : {}),
    clusterRetryStrategy: retryAfter,
    maxRedirections: 8,
    retryDelayOnFailover: 200,
    slotsRefreshInterval: LOOK_EVERY_MS,
  });
}
