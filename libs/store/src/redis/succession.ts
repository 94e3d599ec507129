/** Notices that another server holds the data, or the same one after a restart. Its data may have gone back. */
import type { Logger } from '@cim/runtime';
import type { RedisLink } from './link.ts';
import { replicationOf } from './replication.ts';

/** Wait after a look at which not every master answered [ms]. */
const AGAIN_MS = 1_000;

export interface SuccessionParts {
  readonly link: RedisLink;
  readonly logger: Logger;
  readonly everyMs: number;
}

export class Succession {
  readonly #parts: SuccessionParts;
  readonly #listeners: (() => void)[] = [];
  /** The history ids of all masters: those of the last look at which all answered, and those found since. */
  #seen: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  /** Whether another look was requested during the present one. */
  #oncemore = false;
  #stopped = false;

  constructor(parts: SuccessionParts) {
    this.#parts = parts;
  }

  /** Remembers the present masters. Later ones are news. */
  async start(): Promise<void> {
    this.#seen = new Set((await this.#replids()).found);
    this.#parts.link.onTopology(() => this.look());
    this.#plan(this.#parts.everyMs);
  }

  onSuccession(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Looks now. Never throws. */
  look(): void {
    if (this.#stopped) return;
    if (this.#looking) {
      this.#oncemore = true;
      return;
    }
    this.#looking = true;
    clearTimeout(this.#timer);
    void this.#look();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const { found, whole } = await this.#replids();
    this.#looking = false;
    if (this.#stopped) return;
    const news = found.some((replid) => !this.#seen.has(replid));
    // A master that did not answer may come back unchanged.
    this.#seen = new Set(whole ? found : [...this.#seen, ...found]);
    if (news) {
      this.#parts.logger.info({ replids: found }, 'redis.succession');
      for (const listener of this.#listeners) {
        try {
          listener();
        } catch (error) {
          // The other listeners are called, and the looks go on.
          this.#parts.logger.error({ err: error }, 'store.callback-failed');
        }
      }
    }
    this.#plan(this.#oncemore ? 0 : whole ? this.#parts.everyMs : AGAIN_MS);
    this.#oncemore = false;
  }

  async #replids(): Promise<{ readonly found: readonly string[]; readonly whole: boolean }> {
    const { link } = this.#parts;
    const answers = await Promise.allSettled(
      link.masters().map(async (node) => replicationOf(await link.ask(() => node.info('replication')))),
    );
    const found = answers.flatMap((answer) =>
      answer.status === 'fulfilled' && answer.value.isMaster && answer.value.replid !== ''
        ? [answer.value.replid]
        : [],
    );
    return { found, whole: found.length > 0 && found.length === answers.length };
  }

  #plan(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.look(), afterMs);
    this.#timer.unref();
  }
}
