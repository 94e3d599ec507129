import pino from 'pino';
import { type LogControl, type LogLevel, passAlways } from './log-control.ts';
import { standardError } from './log-file.ts';
import { loggedError, loggedValue } from './redaction.ts';

/** Structured, event first: `logger.info({ userId }, 'session.closed')`. Never a message's text, never a secret. */
export type Logger = pino.Logger;

/**
 * JSON lines on standard error; standard output belongs to what the program says to its user. Errors are reduced to
 * their known parts and texts are redacted before pino sees them, in child loggers too.
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
      // The hook has done it; pino's own serializer would take the causes away again.
      serializers: { err: (value: unknown) => value },
      hooks: {
        // A serializer would see only the field that it is named for; this sees all that is logged.
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

/** For the lines of an audit: written whatever the level is. */
export function auditLogger(logger: Logger): Logger {
  const audit = logger.child({});
  // By itself it would follow the level of the other one.
  audit.level = 'info';
  passAlways(audit);
  return audit;
}

export const silentLogger = (): Logger => pino({ level: 'silent' });
