import pino from 'pino';
import { loggedError, loggedValue } from './redaction.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Structured, event first: `logger.info({ userId }, 'session.closed')`. Never a message's text, never a secret. */
export type Logger = pino.Logger;

/**
 * JSON lines on standard error; standard output belongs to what the program says to its user. Errors are reduced to
 * their known parts and texts are redacted before pino sees them, in child loggers too.
 * @param lines where the lines go, for tests
 */
export const createLogger = (
  level: LogLevel,
  bindings: Record<string, unknown> = {},
  lines: pino.DestinationStream = standardError(),
): Logger =>
  pino(
    {
      level,
      base: bindings,
      // The hook has done it; pino's own serializer would take the causes away again.
      serializers: { err: (value: unknown) => value },
      hooks: {
        // A serializer would see only the field that it is named for; this sees all that is logged.
        logMethod(args, method) {
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

function standardError(): pino.DestinationStream {
  const lines = pino.destination({ fd: 2, sync: false });
  // The terminal is gone, the reader has left or the disk is full: a line is lost, and the program goes on.
  lines.on('error', () => undefined);
  return lines;
}

export const silentLogger = (): Logger => pino({ level: 'silent' });
