import { isIP } from 'node:net';
import { CimError } from '@cim/protocol';
import { type Fault, faultOf } from './fault.ts';
import type { Redis } from './ioredis.ts';
import { replicationOf } from './replication.ts';
import type { Script, ScriptArgs } from './script.ts';
import { type Address, shown } from './url.ts';

/** Longest wait for the replicas [ms]. */
const WAIT_MS = 1_000;
/** Longest time of a batch with everything that belongs to it [ms]. */
const BATCH_MS = 1_500;
/** How often a batch also waits for a replica that came online meanwhile. */
const COUNTS = 5;
/** Kinds of faults after which another server may be the master. */
const LEAVES: ReadonlySet<Fault['kind']> = new Set(['elsewhere', 'passing']);
/** Most calls of a batch: a call in a large batch is answered late. */
const BATCH_CALLS = 64;

interface Call {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: ScriptArgs;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (cause: unknown) => void;
}

/**
 * One connection to a master, for calls that count only when all its replicas have them. It carries out one
 * batch at a time: the scripts, then `WAIT`. So `WAIT` covers all writes of the batch; on a connection
 * without writes it answers at once. For the same reason no call is ever repeated on another connection.
 */
export class QuorumLane {
  readonly #dial: () => Redis;
  /** The address, for people. */
  readonly #address: string;
  /** Called when the server may no longer be the master of these keys. */
  readonly #onMoved: () => void;
  readonly #named: () => Promise<Address | undefined>;
  #redis: Redis | undefined;
  /** Number of online replicas, as this connection last saw it; undefined before that. */
  #online: number | undefined;
  #queue: Call[] = [];
  #busy = false;

  /**
   * @param dial makes a connection that is not open yet, does not reconnect and queues nothing
   * @param named the address of the master according to the Sentinels; undefined when the server itself would
   * know
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

  /**
   * Carries out a call. Calls are carried out in order. @throws {Error} when it is not known to be on all
   * replicas
   */
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
        // Calls that wait behind it would only wait as long again.
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
    // The waiting call gets the error.
    redis.on('error', () => undefined);
    try {
      await redis.connect();
    } catch (cause) {
      this.#onMoved();
      throw cause;
    }
    return redis;
  }

  /** Reads `INFO replication`. @throws {CimError} no replica could take over */
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
   * Resolves when all online replicas have everything that this connection has written. Replicas are counted
   * after the wait, since one that came online meanwhile could be promoted without these writes.
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

  /** Asks who the master is, after the wait: a master promoted from now on has the writes. */
  async #confirm(redis: Redis): Promise<void> {
    const named = await this.#named();
    if (named === undefined) return;
    const { remoteAddress = '', remotePort = 0 } = redis.stream;
    const here = { host: remoteAddress.replace(/^::ffff:/, ''), port: remotePort };
    // A host that is given by name is recognized by its port alone.
    const sameHost = isIP(named.host) === 0 || named.host === here.host;
    if (sameHost && named.port === here.port) return;
    this.#moved();
    throw failure(`Redis at ${shown(here)} is not the master, which is at ${shown(named)}`);
  }

  /** Answers the calls. Returns those whose script the server does not know. */
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

  /** Handles an error: leaves a server that may no longer be the master, and answers the fault. */
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
