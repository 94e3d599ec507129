export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Levels as numbers, as pino counts them. */
const NUMBERS: Readonly<Record<LogLevel, number>> = {
  ...{ debug: 20, info: 30, warn: 40, error: 50 },
  silent: Number.POSITIVE_INFINITY,
};

/** The change of the log that an operator wants for a while. */
export interface LogWish {
  /** Replaces the level that the program was started with. */
  readonly level?: LogLevel;
  /** All lines of this user are written, whatever the level. */
  readonly user?: number;
}

/** Loggers whose lines are always written. Never removed; an entry goes with its logger. */
const always = new WeakSet<object>();

/** Makes all lines of this logger pass, whatever an operator wants. */
export const passAlways = (logger: object): void => void always.add(logger);

/** The part of a logger that this module uses. */
interface Leveled {
  level: string;
  info(fields: object, event: string): void;
}

/**
 * Changes the level of a logger and its children while the program runs. A wish ends after its time; a
 * restart forgets it.
 */
export class LogControl {
  #logger: Leveled | undefined;
  readonly #usual: LogLevel;
  #wish: LogWish = {};
  #timer: NodeJS.Timeout | undefined;
  /** A line below this level is written only when it names the wanted user. */
  #least = 0;

  constructor(usual: LogLevel) {
    this.#usual = usual;
  }

  /** Names the logger whose level this object controls. Called once, when the logger is made. */
  serve(logger: Leveled): void {
    this.#logger = logger;
  }

  get wish(): LogWish {
    return this.#wish;
  }

  /** Replaces the wish. A wish without a level and a user restores the level of the start. */
  want(wish: LogWish, forMs: number): void {
    this.#apply(wish);
    if (wish.level === undefined && wish.user === undefined) return;
    this.#timer = setTimeout(() => {
      this.#apply({});
      this.#logger?.info({ level: this.#usual }, 'log.as-before');
    }, forMs).unref();
  }

  /**
   * Whether a line that the logger's own level lets pass is written. @param first the fields of the line, if
   * it has any
   */
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
