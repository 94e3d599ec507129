/** The way to Redis: one connection (one per node of a Cluster) that comes back by itself. */
import { CimError } from '@cim/protocol';
import { type Logger, redactText } from '@cim/runtime';
import { Cluster, Redis } from './ioredis.ts';
import { describeUrl, type RedisUrl } from './url.ts';

export type Connection = Redis | Cluster;

/** A question without an answer after this fails, in ms. It may still be carried out: every write is safe to repeat. */
const ANSWER_MS = 1_500;
/** A connection on which an answer is owed and nothing has come for this long is cut, in ms: the server hangs. */
const SILENCE_MS = 3_000;
/** How long the first connection may take, in ms. */
const START_MS = 5_000;
const STOP_MS = 2_000;
/** Between two looks at the map of a Cluster that somebody asks for, and between those that nobody does, in ms. */
const LOOK_MS = 200;
const LOOK_EVERY_MS = 5_000;

export class RedisLink {
  readonly url: RedisUrl;
  readonly #redis: Connection;
  readonly #logger: Logger;
  /** What was last wrong with the connection; '' since it is up. */
  #trouble = '';
  /** ms, monotonic; undefined while the connection is up. */
  #downSince: number | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #stopping: Promise<void> | undefined;
  readonly #onTopology: (() => void)[] = [];
  /** Holds back what is written to it in this turn. */
  #gathering: Redis['stream'] | undefined;
  /** What begins when that has gone out: the time that an answer may take. */
  #held: (() => void)[] = [];
  readonly #flush = (): void => this.flush();

  /** Connects in the background, again and again until stopped. */
  constructor(url: RedisUrl, logger: Logger) {
    this.url = url;
    this.#logger = logger;
    this.#redis = connect(url);
    const onError = (error: Error): void => this.#onError(error);
    this.#redis.on('error', onError);
    this.#redis.on('node error', onError);
    this.#redis.on('close', () => {
      this.#downSince ??= performance.now();
    });
    this.#redis.on('ready', () => {
      this.#trouble = '';
      this.#downSince = undefined;
      logger.info({ redis: describeUrl(url) }, 'redis.connected');
      this.#changed();
    });
    // Of a Cluster: a node is met, and its map was read anew (every few seconds, and whenever a node says MOVED).
    for (const event of ['+node', 'refresh']) this.#redis.on(event, () => this.#changed());
  }

  /** Calls `listener` whenever other servers than before may hold the data: the connection is back, or the map of a Cluster new. */
  onTopology(listener: () => void): void {
    this.#onTopology.push(listener);
  }

  /** Resolves when the connection is up. @throws {Error} one line, when it is not in 5 s or never will be */
  async start(): Promise<void> {
    const redis = this.#redis;
    if (redis.status === 'ready') return;
    let timer: NodeJS.Timeout | undefined;
    let watch: ((error: Error) => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        watch = (error) => {
          if (/^(NOAUTH|WRONGPASS|NOPERM|ERR invalid|ERR DB index|ERR AUTH)/.test(error.message))
            reject(error);
        };
        redis.once('ready', resolve);
        redis.on('error', watch);
        timer = setTimeout(
          () => reject(new Error(this.#trouble || `no answer within ${START_MS} ms`)),
          START_MS,
        );
      });
    } catch (cause) {
      throw new Error(
        `${describeUrl(this.url)} cannot be used: ${reasonOf(cause)}; is it running? set CIM_REDIS_URL`,
        {
          cause,
        },
      );
    } finally {
      clearTimeout(timer);
      if (watch !== undefined) redis.off('error', watch);
    }
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
        reject(failure(reasonOf(cause), cause));
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
    if (this.#stopping !== undefined) throw failure('it is closed');
    if (this.#downSince !== undefined && performance.now() - this.#downSince > ANSWER_MS)
      throw failure(this.#trouble || 'the connection is lost');
  }

  /** The name of the server that holds a slot, for `dial`; undefined while none does. */
  masterOf(slot: number): string | undefined {
    return this.#redis instanceof Cluster ? this.#redis.slots[slot]?.[0] : describeUrl(this.url).slice(6);
  }

  /** A connection of its own to that server: not open yet, it does not come back by itself and queues nothing. */
  dial(master: string): Redis {
    const node =
      this.#redis instanceof Cluster
        ? this.#redis.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === master)
        : this.#redis;
    if (node === undefined) throw failure(`${master} is no master`);
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
    const trouble = reasonOf(error);
    // Each attempt to connect fails with the same words: once is enough.
    if (trouble !== this.#trouble) this.#logger.warn({ err: error, why: trouble }, 'redis.error');
    this.#trouble = trouble;
  }
}

const failure = (reason: string, cause?: unknown): CimError =>
  new CimError('failure', `the store does not answer: ${reason}`, { cause });

/** One line. A Cluster tells what was wrong with its last node; a refused connection to two addresses has no words. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { lastNodeError, code } = error as Error & { lastNodeError?: unknown; code?: unknown };
  if (lastNodeError instanceof Error) return reasonOf(lastNodeError);
  const text = error.message === '' && typeof code === 'string' ? code : error.message;
  // What differs from attempt to attempt would be logged at each.
  const [line = ''] = redactText(text)
    .replace(/ Retrying from scratch after [\d.]+ms\./, '')
    .split('\n', 1);
  return line.trimEnd().replace(/\.$/, '');
}

const retryAfter = (attempt: number): number =>
  Math.min(50 * 2 ** Math.min(attempt, 5), 1_000) * (0.5 + Math.random() / 2);

function connect(url: RedisUrl): Connection {
  const options = {
    maxRetriesPerRequest: 1,
    socketTimeout: SILENCE_MS,
    connectTimeout: 2_000,
    retryStrategy: retryAfter,
    // A node that became a replica answers READONLY: connect anew, and send the command again.
    reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? (2 as const) : false),
    db: url.db,
    ...(url.username === undefined ? {} : { username: url.username }),
    ...(url.password === undefined ? {} : { password: url.password }),
    ...(url.tls ? { tls: {} } : {}),
  };
  if (url.kind === 'standalone') return new Redis({ ...options, host: url.host, port: url.port });
  if (url.kind === 'sentinel')
    return new Redis({
      ...options,
      sentinels: [...url.sentinels],
      name: url.master,
      sentinelRetryStrategy: retryAfter,
    });
  return new Cluster([...url.nodes], {
    redisOptions: options,
    clusterRetryStrategy: retryAfter,
    maxRedirections: 8,
    retryDelayOnFailover: 200,
    slotsRefreshInterval: LOOK_EVERY_MS,
  });
}
