export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** As the logger counts them. */
const NUMBERS: Readonly<Record<LogLevel, number>> = {
  ...{ debug: 20, info: 30, warn: 40, error: 50 },
  silent: Number.POSITIVE_INFINITY,
};

/** What an operator wants to be logged for a while. */
export interface LogWish {
  /** In place of the level that the program was started with. */
  readonly level?: LogLevel;
  /** All lines of this user are written, whatever the level. */
  readonly user?: number;
}

/** Loggers whose lines are written whatever an operator wants. */
const always = new WeakSet<object>();

/** The lines of this logger are written whatever an operator wants. */
export const passAlways = (logger: object): void => void always.add(logger);

/** What is needed of a logger. */
interface Leveled {
  level: string;
  info(fields: object, event: string): void;
}

/**
 * The level of a logger, and of those that are made of it, while the program runs. A wish ends by itself; a restart forgets it.
 */
export class LogControl {
  #logger: Leveled | undefined;
  readonly #usual: LogLevel;
  #wish: LogWish = {};
  #timer: NodeJS.Timeout | undefined;
  /** Lines below this are written only when they are of the user. */
  #least = 0;

  constructor(usual: LogLevel) {
    this.#usual = usual;
  }

  /** Of the logger that this one is for. */
  serve(logger: Leveled): void {
    this.#logger = logger;
  }

  get wish(): LogWish {
    return this.#wish;
  }

  /** From now on, in place of the wish of before. Without a level and a user: as the program was started. */
  want(wish: LogWish, forMs: number): void {
    this.#apply(wish);
    if (wish.level === undefined && wish.user === undefined) return;
    this.#timer = setTimeout(() => {
      this.#apply({});
      this.#logger?.info({ level: this.#usual }, 'log.as-before');
    }, forMs).unref();
  }

  /** Whether a line is written that the level of its logger lets pass. @param first what was logged, if it has fields */
  passes(logger: object, level: number, first: unknown): boolean {
    if (level >= this.#least) return true;
    return always.has(logger) || isOf(this.#wish.user, first);
  }

  #apply(wish: LogWish): void {
    clearTimeout(this.#timer);
    this.#wish = wish;
    const level = wish.level ?? this.#usual;
    this.#least = wish.user === undefined ? 0 : NUMBERS[level];
    if (this.#logger !== undefined) this.#logger.level = wish.user === undefined ? level : 'debug';
  }
}

/** A user is named in a line as `userId`, or as the subject of a suspension. */
function isOf(user: number | undefined, first: unknown): boolean {
  if (user === undefined || typeof first !== 'object' || first === null) return false;
  const { userId, subject } = first as { readonly userId?: unknown; readonly subject?: unknown };
  return userId === user || subject === `user:${user}`;
}
