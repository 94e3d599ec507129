import pino from 'pino';
import { type LogControl, type LogLevel, passAlways } from './log-control.ts';
import { standardError } from './log-file.ts';
import { loggedError, loggedValue } from './redaction.ts';

/**
 * A structured logger with the event first: `logger.info({ userId }, 'session.closed')`. Never log a
 * message's text or a secret.
 */
export type Logger = pino.Logger;

/**
 * Makes a logger that writes JSON lines to standard error. Standard output is for what a program says to its
 * user. Before pino sees a line, errors are reduced to known parts and texts are redacted, in child loggers
 * too.
 * @param lines where the lines go
 * @param control changes the level while the program runs
 */
export function createLogger(
  level: LogLevel,
  bindings: Record<string, unknown> = {},
  lines: pino.DestinationStream = standardError(),
  control?: LogControl,
): Logger {
  const logger = pino(
    {
      level,
      base: bindings,
      // The hook below reduces errors. Pino's own serializer would remove their causes.
      serializers: { err: (value: unknown) => value },
      hooks: {
        // A serializer sees only the field that it is named for; this hook sees every argument.
        logMethod(args, method, level) {
          if (control?.passes(this, level, args[0]) === false) return;
          const [first, ...more] = args as [unknown, ...unknown[]];
          const safe =
            first instanceof Error
              ? [{ err: loggedError(first) }, ...(more.length > 0 ? more : [first.message])]
              : [first, ...more];
          method.apply(this, safe.map((value) => loggedValue(value)) as typeof args);
        },
      },
    },
    lines,
  );
  control?.serve(logger);
  return logger;
}

/** A logger for lines of an audit. They are written at every level. */
export function auditLogger(logger: Logger): Logger {
  const audit = logger.child({});
  // A child follows the level of its parent unless it is set.
  audit.level = 'info';
  passAlways(audit);
  return audit;
}

export const silentLogger = (): Logger => pino({ level: 'silent' });
