/** Where a client logs: fields, then the event's name. pino's loggers are such, and `console` wrapped in one line. */
export interface Logger {
  debug(fields: object, event: string): void;
  info(fields: object, event: string): void;
  warn(fields: object, event: string): void;
  error(fields: object, event: string): void;
}

const nothing = (): void => undefined;
export const SILENT: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
