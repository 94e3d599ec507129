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

/** A process asks the store for a new wish so often [ms]. */
export const LOG_POLL_MS = 2_000;
/** A wish can be found by all servers for so long [ms]. Those that start later do not follow it: a restart forgets it. */
const FOUND_FOR_MS = 60_000;

export interface LogWatchParts {
  readonly wishes: LogWishes;
  readonly control: LogControl;
  readonly logger: Logger;
}

/** Carries what an operator wants to be logged to all servers, and follows it in this one. */
export class LogWatch {
  readonly #parts: LogWatchParts;
  readonly #failed: RareWarning;
  readonly #audit: Logger;
  /** The wish that was followed, or that was there before this process; undefined before the first answer of the store. */
  #known: string | undefined;
  #running = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: LogWatchParts) {
    this.#parts = parts;
    this.#audit = auditLogger(parts.logger);
    this.#failed = new RareWarning(parts.logger, 'log-wishes.failed');
  }

  /** What this server follows now. */
  get wish(): LogWish {
    return this.#parts.control.wish;
  }

  /** Idempotent: the servers of one process share it. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  /** For all servers, in place of the wish of before: this one follows it at once, the others within 2 s. */
  async want(wish: LogWish, forMs: number): Promise<void> {
    const id = randomText(12);
    await this.#parts.wishes.put(JSON.stringify({ id, forMs, ...wish }), FOUND_FOR_MS);
    this.#follow(id, wish, forMs);
  }

  /** Asks the store once. */
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

/** Undefined for what another version has put. */
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
