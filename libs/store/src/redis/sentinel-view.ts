import { CimError } from '@cim/protocol';
import type { RedisTarget } from './access.ts';
import { Redis } from './ioredis.ts';
import { type Address, shown } from './url.ts';

const ANSWER_MS = 700;
/** Flags of a master that may soon no longer be the master. */
const LEAVING = /s_down|o_down|failover_in_progress/;

/**
 * The common view of all Sentinels. The word of one Sentinel is not enough: a Sentinel that has not heard of
 * a failover still names the old master. A restarted old master may even have found a replica that has not
 * heard of it either.
 */
export class SentinelView {
  readonly #master: string;
  readonly #sentinels: readonly Redis[];
  #asking: Promise<unknown> = Promise.resolve();
  /** The next question, which begins when the present one is answered. */
  #next: Promise<Address> | undefined;

  constructor(url: RedisTarget & { readonly kind: 'sentinel' }) {
    this.#master = url.master;
    this.#sentinels = url.sentinels.map(({ host, port }) => {
      const sentinel = new Redis({
        host,
        port,
        ...url.sentinelLogin,
        ...(url.tls ? { tls: { ...url.tlsOptions } } : {}),
        lazyConnect: true,
        enableReadyCheck: false,
        maxRetriesPerRequest: 0,
        commandTimeout: ANSWER_MS,
        connectTimeout: ANSWER_MS,
        retryStrategy: () => 200,
      });
      // Callers of `ask` get the error.
      sentinel.on('error', () => undefined);
      return sentinel;
    });
  }

  /**
   * The address of the master, as of this call. Calls during a question share the next answer.
   * @throws {CimError} most Sentinels do not answer, they do not agree, or another master is being promoted
   */
  ask(): Promise<Address> {
    this.#next ??= this.#asking.then(() => {
      this.#next = undefined;
      const asked = this.#askAll();
      this.#asking = asked.catch(() => undefined);
      return asked;
    });
    return this.#next;
  }

  stop(): void {
    for (const sentinel of this.#sentinels) sentinel.disconnect();
  }

  async #askAll(): Promise<Address> {
    const answers = await Promise.allSettled(
      this.#sentinels.map((sentinel) => sentinel.call('SENTINEL', 'MASTER', this.#master)),
    );
    const named = answers.flatMap((answer) =>
      answer.status === 'fulfilled' ? [masterOf(answer.value)] : [],
    );
    if (named.length <= this.#sentinels.length / 2)
      throw failure(`${named.length} of ${this.#sentinels.length} Sentinels answer`);
    if (named.some(({ flags }) => LEAVING.test(flags)))
      throw failure('the Sentinels see it down or make another the master');
    const [first, ...others] = named.map(({ address }) => address);
    if (first === undefined || others.some((address) => shown(address) !== shown(first)))
      throw failure('the Sentinels do not agree on the master');
    return first;
  }
}

const failure = (words: string): CimError => new CimError('failure', `not certain of the master: ${words}`);

/** Parses the Sentinel's list of alternating names and values. */
function masterOf(answer: unknown): { readonly address: Address; readonly flags: string } {
  const words = answer as string[];
  const value = (name: string): string => words[words.indexOf(name) + 1] ?? '';
  return { address: { host: value('ip'), port: Number(value('port')) }, flags: value('flags') };
}
