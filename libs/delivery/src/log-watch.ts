import {
  auditLogger,
  LOG_LEVELS,
  type LogControl,
  type Logger,
  type LogWish,
  randomText,
  RareWarning,
} from '@cim/runtime';
import type { LogWishes } from '@cim/store';

/** Time between two polls of the store for a new wish [ms]. */
export const LOG_POLL_MS = 2_000;
/**
 * Servers find a wish in the store for this long [ms]. A server that starts later does not follow it: a
 * restart forgets a wish.
 */
const FOUND_FOR_MS = 60_000;

export interface LogWatchParts {
  readonly wishes: LogWishes;
  readonly control: LogControl;
  readonly logger: Logger;
}

/** Carries an operator's wish for the log to all servers, and follows it in this one. */
export class LogWatch {
  readonly #parts: LogWatchParts;
  readonly #failed: RareWarning;
  readonly #audit: Logger;
  /**
   * The newest wish that was read: it was followed, or is older than this process. Undefined before the first
   * answer of the store.
   */
  #known: string | undefined;
  #running = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: LogWatchParts) {
    this.#parts = parts;
    this.#audit = auditLogger(parts.logger);
    this.#failed = new RareWarning(parts.logger, 'log-wishes.failed');
  }

  /** The wish that this server follows now. */
  get wish(): LogWish {
    return this.#parts.control.wish;
  }

  /** Starts polling. Idempotent: the servers of one process share this object. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  /** Replaces the wish of all servers. This server follows it at once, the others within 2 s. */
  async want(wish: LogWish, forMs: number): Promise<void> {
    const id = randomText(12);
    await this.#parts.wishes.put(JSON.stringify({ id, forMs, ...wish }), FOUND_FOR_MS);
    this.#follow(id, wish, forMs);
  }

  /** Reads the wish from the store once. */
  async poll(): Promise<void> {
    try {
      const text = await this.#parts.wishes.get();
      const found = text === undefined ? undefined : parse(text);
      if (this.#known === undefined) this.#known = found?.id ?? '';
      else if (found !== undefined && found.id !== this.#known)
        this.#follow(found.id, found.wish, found.forMs);
    } catch (error) {
      this.#failed.due({ err: error, why: 'the log level is as it was' });
    }
  }

  async #run(): Promise<void> {
    await this.poll();
    if (this.#running) this.#timer = setTimeout(() => void this.#run(), LOG_POLL_MS).unref();
  }

  #follow(id: string, wish: LogWish, forMs: number): void {
    this.#known = id;
    this.#parts.control.want(wish, forMs);
    this.#audit.info({ level: wish.level, user: wish.user, forMs }, 'log.changed');
  }
}

/** Parses a wish; undefined when another version has written it. */
function parse(
  text: string,
): { readonly id: string; readonly wish: LogWish; readonly forMs: number } | undefined {
  try {
    const { id, level, user, forMs } = JSON.parse(text) as Record<string, unknown>;
    if (typeof id !== 'string' || typeof forMs !== 'number') return undefined;
    const known = LOG_LEVELS.find((one) => one === level);
    if ((level !== undefined && known === undefined) || (user !== undefined && typeof user !== 'number'))
      return undefined;
    return {
      ...{ id, forMs },
      wish: { ...(known !== undefined && { level: known }), ...(user !== undefined && { user }) },
    };
  } catch {
    return undefined;
  }
}
