import { isIP } from 'node:net';
import { CimError } from '@cim/protocol';
import { type Fault, faultOf } from './fault.ts';
import type { Redis } from './ioredis.ts';
import { replicationOf } from './replication.ts';
import type { Script, ScriptArgs } from './script.ts';
import { type Address, shown } from './url.ts';

/** How long the replicas may take, in ms. */
const WAIT_MS = 1_000;
/** How long a batch may take with all that belongs to it, in ms. */
const BATCH_MS = 1_500;
/** A replica that comes online while a batch waits is waited for too, and so on, so often. */
const COUNTS = 5;
/** After these errors another server may be the master. */
const LEAVES: ReadonlySet<Fault['kind']> = new Set(['elsewhere', 'passing']);
/** Calls a batch: one that waits answers late. */
const BATCH_CALLS = 64;

interface Call {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: ScriptArgs;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (cause: unknown) => void;
}

/**
 * One connection to a master, for calls that count only when all its replicas have them. One batch at a time, its
 * scripts and then `WAIT`, so that this waits for what they wrote and for nothing less: on a connection that has not
 * written, `WAIT` answers at once. For the same reason nothing is ever sent again on another connection.
 */
export class QuorumLane {
  readonly #dial: () => Redis;
  /** For people. */
  readonly #address: string;
  /** Told that the server may be the master of these keys no more. */
  readonly #onMoved: () => void;
  readonly #named: () => Promise<Address | undefined>;
  #redis: Redis | undefined;
  /** Replicas that follow, as this connection last saw it; undefined before that. */
  #online: number | undefined;
  #queue: Call[] = [];
  #busy = false;

  /**
   * @param dial makes a connection that is not open yet, does not come back by itself and queues nothing
   * @param named where the master is, as those who decide it say now; undefined when the server itself would know
   */
  constructor(
    address: string,
    dial: () => Redis,
    onMoved: () => void,
    named: () => Promise<Address | undefined>,
  ) {
    this.#address = address;
    this.#dial = dial;
    this.#onMoved = onMoved;
    this.#named = named;
  }

  /** Calls are carried out in the order made. @throws {Error} when it is not known to be on all replicas */
  run(script: Script, keys: readonly string[], args: ScriptArgs): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ script, keys, args, resolve, reject });
      if (!this.#busy) void this.#drain();
    });
  }

  stop(): void {
    this.#redis?.disconnect();
    this.#redis = undefined;
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, BATCH_CALLS);
      try {
        await this.#inTime(batch);
      } catch (cause) {
        // What waits behind it would only wait as long again.
        for (const call of [...batch, ...this.#queue.splice(0)]) call.reject(cause);
      }
    }
    this.#busy = false;
  }

  async #inTime(batch: readonly Call[]): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#moved();
        reject(failure(`Redis at ${this.#address} did not answer within ${BATCH_MS} ms`));
      }, BATCH_MS);
    });
    try {
      await Promise.race([this.#carryOut(batch), deadline]);
    } catch (cause) {
      this.#notice(cause);
      throw cause;
    } finally {
      clearTimeout(timer);
    }
  }

  async #carryOut(batch: readonly Call[]): Promise<void> {
    const redis = await this.#connected();
    if (this.#online === undefined) this.#see(await redis.info('replication'));
    const unknown = await this.#send(redis, batch, ({ script, keys, args }) =>
      script.byHash(redis, keys, args),
    );
    if (unknown.length > 0)
      await this.#send(redis, unknown, ({ script, keys, args }) => script.whole(redis, keys, args));
  }

  async #connected(): Promise<Redis> {
    if (this.#redis?.status === 'ready') return this.#redis;
    this.stop();
    const redis = this.#dial();
    this.#redis = redis;
    this.#online = undefined;
    // The call that waits for it hears of it.
    redis.on('error', () => undefined);
    try {
      await redis.connect();
    } catch (cause) {
      this.#onMoved();
      throw cause;
    }
    return redis;
  }

  /** @throws {CimError} nobody could take over */
  #see(info: string): number {
    const { isMaster, online } = replicationOf(info);
    if (!isMaster) {
      this.#moved();
      throw failure(`Redis at ${this.#address} is no master any more`);
    }
    if (online === 0) {
      this.#online = undefined;
      throw failure(`no replica of Redis at ${this.#address} is online`);
    }
    this.#online = online;
    return online;
  }

  /**
   * Resolves when all replicas that are online have what this connection has written. They are counted after the
   * wait: one that has come online meanwhile could be promoted without it.
   */
  async #onAll(redis: Redis): Promise<void> {
    for (let counts = 0; counts < COUNTS; counts++) {
      const wanted = this.#online ?? 1;
      const [acknowledged, info] = await Promise.all([
        redis.wait(wanted, WAIT_MS),
        redis.info('replication'),
      ]);
      if (acknowledged < wanted) {
        this.#online = undefined;
        throw failure(
          `${acknowledged} of ${wanted} replicas of Redis at ${this.#address} have it after ${WAIT_MS} ms`,
        );
      }
      if (this.#see(info) <= acknowledged) return this.#confirm(redis);
    }
    throw failure(`the replicas of Redis at ${this.#address} come and go`);
  }

  /** Asked after the wait: whoever is made master from now on has it. */
  async #confirm(redis: Redis): Promise<void> {
    const named = await this.#named();
    if (named === undefined) return;
    const { remoteAddress = '', remotePort = 0 } = redis.stream;
    const here = { host: remoteAddress.replace(/^::ffff:/, ''), port: remotePort };
    // A host that goes by its name is known by its port alone.
    const sameHost = isIP(named.host) === 0 || named.host === here.host;
    if (sameHost && named.port === here.port) return;
    this.#moved();
    throw failure(`Redis at ${shown(here)} is not the master, which is at ${shown(named)}`);
  }

  /** Answers the calls, and those whose script the server does not know back to the caller. */
  async #send(redis: Redis, calls: readonly Call[], sent: (call: Call) => Promise<unknown>): Promise<Call[]> {
    const asked = calls.map(sent);
    const [onAll, answers] = await Promise.all([
      Promise.allSettled([this.#onAll(redis)]),
      Promise.allSettled(asked),
    ]);
    if (onAll[0].status === 'rejected') throw onAll[0].reason;
    const unknown: Call[] = [];
    for (const [i, call] of calls.entries()) {
      const answer = answers[i];
      if (answer?.status === 'fulfilled') call.resolve(answer.value);
      else {
        const fault = this.#notice(answer?.reason);
        if (fault.kind === 'script') {
          unknown.push(call);
          continue;
        }
        call.reject(answer?.reason);
      }
    }
    return unknown;
  }

  /** Leaves a server that may be the master no more, says so, and answers what the error means. */
  #notice(cause: unknown): Fault {
    const fault = faultOf(cause);
    if (LEAVES.has(fault.kind)) this.#moved();
    return fault;
  }

  #moved(): void {
    this.stop();
    this.#onMoved();
  }
}

const failure = (words: string): CimError => new CimError('failure', `not on all replicas: ${words}`);
