/**
 * Where a client logs: fields, then the event's name. A pino logger fits, and so does `console` wrapped in
 * one line.
 */
export interface Logger {
  /** One line per frame. */
  debug(fields: object, event: string): void;
  /** The lifecycle of the client. */
  info(fields: object, event: string): void;
  /** Something was refused or failed, and the client goes on. */
  warn(fields: object, event: string): void;
  /** A programming error of the client. */
  error(fields: object, event: string): void;
}

const nothing = (): void => undefined;
export const SILENT: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
