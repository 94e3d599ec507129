/** Where a client logs: fields, then the event's name. pino's loggers are such, and `console` wrapped in one line. */
export interface Logger {
  /** Per frame. */
  debug(fields: object, event: string): void;
  /** The life of the client. */
  info(fields: object, event: string): void;
  /** Something was refused or failed, and the client goes on. */
  warn(fields: object, event: string): void;
  /** A fault of the client. */
  error(fields: object, event: string): void;
}

const nothing = (): void => undefined;
export const SILENT: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
